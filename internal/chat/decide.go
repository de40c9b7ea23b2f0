package chat

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Decide returns what follows from a command, or why it is refused: an error that wraps one of the kinds of this package. No events and no error means that
// the command is fine and changes nothing. now is when the command is decided; the events are dated with it, in whole microseconds, but never before s.At.
func Decide(s State, c Command, now time.Time) ([]Event, error) {
	at := now.UTC().Truncate(time.Microsecond)
	if at.Before(s.At) {
		at = s.At
	}
	d := draft{State: s, at: at, actor: c.Actor, refID: c.RefID}
	if err := d.decide(c.Action); err != nil {
		return nil, err
	}
	d.close()
	return d.events, nil
}

// draft is a decision in the making: the state, and the events that have led to it so far.
type draft struct {
	State
	at     time.Time
	actor  Actor
	refID  int64
	events []Event
}

func (d *draft) decide(action Action) error {
	if start, ok := action.(Start); ok {
		return d.start(start)
	}
	if d.Seq == 0 {
		return Refuse(ErrNotFound, "there is no such chat")
	}
	switch a := action.(type) {
	case Say:
		return d.say(a)
	case Type:
		return d.startTyping(a)
	case StopTyping:
		return d.stopTyping()
	case PreviewText:
		d.showPreview(a)
	case UpdateData:
		return d.updateData(a)
	case Disconnect:
		d.customerGoes(CauseDisconnected)
	case CustomerLost:
		d.customerGoes(CauseLost)
	case Offer:
		return d.offer(a)
	case EndOffer:
		d.endOffer(a)
	case AddChat:
		return d.addChat(a)
	case PullChat:
		return d.pullChat(a)
	case Intrude:
		return d.intrude(a)
	case Supervise:
		d.supervise(a)
	case AskTimeout:
		d.askTimeout(a)
	case DropAgent:
		d.dropAgent(a.UserID)
	case TypingTimeout:
		d.typingTimeout(a)
	case nil:
		return Refuse(ErrInvalid, "a command without an action")
	default:
		return d.byAgent(a)
	}
	return nil
}

// byAgent decides what an agent does, in the order of checks of agent-api 4.0.
func (d *draft) byAgent(action Action) error {
	userID := d.actor.UserID
	seat := d.Seats[userID]
	if !seat.Live() {
		return Refuse(ErrNotFound, "you have no such chat")
	}
	if op := action.Operation(); op != OpReportResponseTemplateUsage {
		if err := d.permit(userID, seat, op); err != nil {
			return err
		}
	}
	if err := d.operate(userID, seat, action); err != nil {
		return fmt.Errorf("%s: %w", action.Operation(), err)
	}
	return nil
}

func (d *draft) operate(userID string, seat Seat, action Action) error {
	me, _ := d.participant(userID)
	switch a := action.(type) {
	case Accept:
		return d.accept(userID, seat, a)
	case Reject:
		d.add(SeatChanged{UserID: userID, State: Completed, Cause: CauseRejected, RefID: d.refID})
	case SendMessage:
		return d.sendText(me, a.Text, a.MessageType, a.TreatAs, VisibleToAll)
	case SendToAgents:
		return d.sendText(me, a.Text, a.MessageType, a.TreatAs, VisibleToAgents)
	case SendURL:
		return d.sendURL(me, a)
	case SendCustomNotice:
		return d.sendNotice(me, a.NoticeText, VisibleToAll)
	case SendCustomNoticeToAgents:
		return d.sendNotice(me, a.NoticeText, VisibleToAgents)
	case SendStartTypingNotification:
		d.beginTyping(me, VisibleToAll, "")
	case SendStopTypingNotification:
		d.endTyping(me, VisibleToAll)
	case SendStartTypingToAgentsNotification:
		d.beginTyping(me, VisibleToAgents, "")
	case SendStopTypingToAgentsNotification:
		d.endTyping(me, VisibleToAgents)
	case SetInFocus:
		d.add(Focused{UserID: userID})
	case ReportResponseTemplateUsage:
		return d.reportUsage(userID, a)
	case AttachUserData:
		return d.setData(a.UserData)
	case UpdateUserData:
		return d.setData(a.UserData)
	case DeleteUserData:
		return d.deleteData(a.Keys)
	case SetDisposition:
		return d.setDisposition(a)
	case Transfer:
		return d.transfer(userID, a)
	case Consult:
		return d.consult(userID, a)
	case Invite:
		return d.invite(userID, a)
	case RemoveParticipantFromConference:
		return d.remove(userID, a)
	case SwitchToMonitor:
		d.switchTo(me, Monitor)
	case SwitchToCoach:
		d.switchTo(me, Coach)
	case SwitchToBargeIn:
		d.switchTo(me, BargeIn)
	case Leave:
		return d.leave(userID, a.Farewell)
	case Complete:
		return d.complete(userID, a)
	default:
		return Refuse(ErrInvalid, "unknown operation")
	}
	return nil
}

// add appends an event and takes it into account. Transcript events get the next index (agent-api 5.2.5).
func (d *draft) add(b Body) {
	e := Event{ChatID: d.ID, Seq: d.Seq + 1, At: d.at, Actor: d.actor, Body: b}
	if _, ok := b.(spoken); ok {
		e.Index = d.LastIndex + 1
	}
	d.events = append(d.events, e)
	d.State = d.Apply(e)
}

// close ends the log when the chat is over for everyone: the customer has gone, nobody holds it, nobody is waited for, and it was not put aside.
func (d *draft) close() {
	if _, in := d.Customer(); len(d.events) > 0 && !in && len(d.Seats) == 0 && d.Waiting == nil && d.Workbin == "" {
		d.add(Closed{})
	}
}

// users lists who has a seat, in an order that does not depend on chance.
func (d *draft) users() []string { return slices.Sorted(maps.Keys(d.Seats)) }

// nextNumber is what the customer will know the next participant by (customer-api 7.3).
func (d *draft) nextNumber() int { return d.numbers + 1 }
