package chat

// The operations of agents: operationName on the wire (agent-api 4.16).
const (
	OpAccept                              Operation = "Accept"
	OpReject                              Operation = "Reject"
	OpTransfer                            Operation = "Transfer"
	OpLeave                               Operation = "Leave"
	OpInvite                              Operation = "Invite"
	OpConsult                             Operation = "Consult"
	OpSetInFocus                          Operation = "SetInFocus"
	OpSetDisposition                      Operation = "SetDisposition"
	OpAttachUserData                      Operation = "AttachUserData"
	OpDeleteUserData                      Operation = "DeleteUserData"
	OpUpdateUserData                      Operation = "UpdateUserData"
	OpSendToAgents                        Operation = "SendToAgents"
	OpSendStartTypingToAgentsNotification Operation = "SendStartTypingToAgentsNotification"
	OpSendStopTypingToAgentsNotification  Operation = "SendStopTypingToAgentsNotification"
	OpComplete                            Operation = "Complete"
	OpSendMessage                         Operation = "SendMessage"
	OpSendURL                             Operation = "SendUrl"
	OpSendStartTypingNotification         Operation = "SendStartTypingNotification"
	OpSendStopTypingNotification          Operation = "SendStopTypingNotification"
	OpSendCustomNotice                    Operation = "SendCustomNotice"
	OpSendCustomNoticeToAgents            Operation = "SendCustomNoticeToAgents"
	OpRemoveParticipantFromConference     Operation = "RemoveParticipantFromConference"
	OpSwitchToMonitor                     Operation = "SwitchToMonitor"
	OpSwitchToCoach                       Operation = "SwitchToCoach"
	OpSwitchToBargeIn                     Operation = "SwitchToBargeIn"
	OpIntrude                             Operation = "Intrude" // at an address of its own, so in no list of capabilities
)

func (Accept) Operation() Operation                      { return OpAccept }
func (Reject) Operation() Operation                      { return OpReject }
func (SendMessage) Operation() Operation                 { return OpSendMessage }
func (SendToAgents) Operation() Operation                { return OpSendToAgents }
func (SendURL) Operation() Operation                     { return OpSendURL }
func (SendCustomNotice) Operation() Operation            { return OpSendCustomNotice }
func (SendCustomNoticeToAgents) Operation() Operation    { return OpSendCustomNoticeToAgents }
func (SendStartTypingNotification) Operation() Operation { return OpSendStartTypingNotification }
func (SendStopTypingNotification) Operation() Operation  { return OpSendStopTypingNotification }
func (SetInFocus) Operation() Operation                  { return OpSetInFocus }
func (AttachUserData) Operation() Operation              { return OpAttachUserData }
func (UpdateUserData) Operation() Operation              { return OpUpdateUserData }
func (DeleteUserData) Operation() Operation              { return OpDeleteUserData }
func (SetDisposition) Operation() Operation              { return OpSetDisposition }
func (Transfer) Operation() Operation                    { return OpTransfer }
func (Consult) Operation() Operation                     { return OpConsult }
func (Invite) Operation() Operation                      { return OpInvite }
func (Leave) Operation() Operation                       { return OpLeave }
func (Complete) Operation() Operation                    { return OpComplete }
func (SwitchToMonitor) Operation() Operation             { return OpSwitchToMonitor }
func (SwitchToCoach) Operation() Operation               { return OpSwitchToCoach }
func (SwitchToBargeIn) Operation() Operation             { return OpSwitchToBargeIn }
func (Intrude) Operation() Operation                     { return OpIntrude }
func (RemoveParticipantFromConference) Operation() Operation {
	return OpRemoveParticipantFromConference
}

func (SendStartTypingToAgentsNotification) Operation() Operation {
	return OpSendStartTypingToAgentsNotification
}

func (SendStopTypingToAgentsNotification) Operation() Operation {
	return OpSendStopTypingToAgentsNotification
}

// What the customer and the system do has names for errors and logs only.

func (Start) Operation() Operation         { return "Start" }
func (Say) Operation() Operation           { return "Say" }
func (Type) Operation() Operation          { return "Type" }
func (StopTyping) Operation() Operation    { return "StopTyping" }
func (PreviewText) Operation() Operation   { return "PreviewText" }
func (UpdateData) Operation() Operation    { return "UpdateData" }
func (Disconnect) Operation() Operation    { return "Disconnect" }
func (Offer) Operation() Operation         { return "Offer" }
func (EndOffer) Operation() Operation      { return "EndOffer" }
func (AskTimeout) Operation() Operation    { return "AskTimeout" }
func (DropAgent) Operation() Operation     { return "DropAgent" }
func (Supervise) Operation() Operation     { return "Supervise" }
func (CustomerLost) Operation() Operation  { return "CustomerLost" }
func (TypingTimeout) Operation() Operation { return "TypingTimeout" }
