package chat

// Visibility tells who may see a participant or a message (agent-api 5.2.3).
type Visibility string

const (
	VisibleToAll         Visibility = "All"         // customer, agents, supervisors
	VisibleToAgents      Visibility = "Agents"      // agents and supervisors
	VisibleToSupervisors Visibility = "Supervisors" // supervisors only
)

// ParticipantType is the type on the agent's wire (agent-api 3.2).
type ParticipantType string

const (
	Customer ParticipantType = "Customer"
	Agent    ParticipantType = "Agent"
	External ParticipantType = "External"
)

// Role says by what right an agent is in a chat. It decides her capabilities and is not shown on any wire.
type Role string

const (
	Owner      Role = "owner"      // took the chat from the queue or by transfer
	Member     Role = "member"     // invited into a conference
	Consulted  Role = "consulted"  // asked by another agent; the customer does not know
	Supervisor Role = "supervisor" // monitors, coaches or barges in
)

// visibility of those who come in this role. A supervisor's depends on her [Mode].
func (r Role) visibility() Visibility {
	if r == Consulted {
		return VisibleToAgents
	}
	return VisibleToAll
}

// Participant is one stay of one party in a chat. Who leaves and joins again is a new participant.
type Participant struct {
	ID         string          `json:"id"`              // 16 upper-case hex digits, unique per join
	Number     int             `json:"number,omitzero"` // what the customer knows her by (customer-api 7.3): 1 is the customer, 0 was never visible to her
	Type       ParticipantType `json:"type"`            //
	UserID     string          `json:"userId,omitzero"` // agents only
	Nickname   string          `json:"nickname"`        //
	Visibility Visibility      `json:"visibility"`      //
	Role       Role            `json:"role,omitzero"`   // agents only
}
