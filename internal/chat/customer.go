package chat

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// start begins a chat: it waits in its queue, the customer is in, and has perhaps said something (customer-api 2.1).
func (d *draft) start(a Start) error {
	if d.Seq > 0 {
		return Refuse(ErrState, "this chat has begun already")
	}
	text := a.Text
	if strings.TrimSpace(text) == "" {
		text = ""
	}
	if err := within("text", text, MaxText); err != nil {
		return err
	}
	customer := Participant{
		ID: a.Customer.ID, Number: d.nextNumber(), Type: Customer,
		Nickname: cut(a.Customer.Nickname, MaxNickname), Visibility: VisibleToAll,
	}
	d.add(Started{Service: a.Service, Queue: a.Queue, UserData: a.UserData.fitting(nil)})
	d.add(Joined{Participant: customer})
	if text != "" {
		d.add(MessageSent{From: customer, Text: text, Visibility: VisibleToAll})
	}
	return nil
}

// present returns the customer, or refuses what she does after the end (customer-api 1.10).
func (d *draft) present() (Participant, error) {
	p, in := d.Customer()
	if !in {
		return p, Refuse(ErrEnded, "the chat has ended")
	}
	return p, nil
}

// say is a message of the customer (customer-api 2.2).
func (d *draft) say(a Say) error {
	from, err := d.present()
	if err != nil {
		return err
	}
	if strings.TrimSpace(a.Text) == "" {
		return Refuse(ErrMissing, "message is missing or empty")
	}
	if err := within("message", a.Text, MaxText); err != nil {
		return err
	}
	if err := within("messageType", a.MessageType, MaxLabel); err != nil {
		return err
	}
	attributes, err := checkAttributes(a.Attributes)
	if err != nil {
		return err
	}
	if err := d.room(); err != nil {
		return err
	}
	d.add(MessageSent{From: from, Text: a.Text, Label: a.MessageType, Visibility: VisibleToAll, Attributes: attributes})
	return nil
}

// checkAttributes returns a private copy of the customer's eventAttributes (customer-api 4.5, 5.2).
func checkAttributes(raw jsontext.Value) (jsontext.Value, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	kept, _, ok := compact(raw)
	if !ok || kept.Kind() != '{' {
		return nil, Refuse(ErrInvalid, "eventAttributes must be a JSON object")
	}
	if n := len(kept); n > MaxAttributes {
		return nil, Refuse(ErrTooLong, "eventAttributes have %d bytes; at most %d are allowed", n, MaxAttributes)
	}
	if deeper(kept, MaxDepth) {
		return nil, Refuse(ErrTooLong, "eventAttributes nest deeper than %d levels", MaxDepth)
	}
	return kept, nil
}

// deeper tells whether a JSON value nests deeper than limit levels.
func deeper(v jsontext.Value, limit int) bool {
	d := jsontext.NewDecoder(bytes.NewReader(v), jsontext.AllowDuplicateNames(true))
	for {
		if _, err := d.ReadToken(); err != nil {
			return false
		}
		if d.StackDepth() > limit {
			return true
		}
	}
}

// startTyping is the customer's typing (customer-api 2.3).
func (d *draft) startTyping(a Type) error {
	from, err := d.present()
	if err != nil {
		return err
	}
	d.beginTyping(from, VisibleToAll, cut(a.Preview, MaxText))
	return nil
}

func (d *draft) stopTyping() error {
	from, err := d.present()
	if err != nil {
		return err
	}
	d.endTyping(from, VisibleToAll)
	return nil
}

// showPreview shows the agents what the customer has typed so far, if that is new and the last time is long enough ago. It comes with a refresh, which is
// fine after the end as well (customer-api 2.4).
func (d *draft) showPreview(a PreviewText) {
	from, in := d.Customer()
	text := cut(a.Preview, MaxText)
	if !in || text == "" || text == d.preview || d.at.Sub(d.paces[from.ID].preview) < TypingPace {
		return
	}
	d.add(PreviewShown{From: from, Preview: text})
}

// updateData adds or replaces attached data of the customer's (customer-api 2.9).
func (d *draft) updateData(a UpdateData) error {
	if _, err := d.present(); err != nil {
		return err
	}
	if set := a.UserData.fitting(d.UserData); len(set) > 0 {
		d.add(DataChanged{Set: set})
	}
	return nil
}

// customerGoes ends the chat for the customer. Who is invited comes too late; agents who are in stay, to wrap up (agent-api 4.5).
func (d *draft) customerGoes(cause Cause) {
	customer, in := d.Customer()
	if !in {
		return
	}
	d.add(Left{Participant: customer, Cause: cause})
	d.add(Ended{Cause: cause})
	d.endAsk(CauseCustomerGone)
	for _, userID := range d.users() {
		if d.Seats[userID].State == Invited {
			d.add(SeatChanged{UserID: userID, State: Revoked, Cause: CauseCustomerGone})
		}
	}
	if !d.served() {
		d.dismissHidden(cause)
	}
	// A member who stayed while the chat waited for its next owner has it now.
	d.succeed()
}
