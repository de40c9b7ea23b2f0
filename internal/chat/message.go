package chat

// sendText is a text of an agent (agent-api 4.4).
func (d *draft) sendText(from Participant, text, label, treatAs string, v Visibility) error {
	if err := needed("text", text, MaxText); err != nil {
		return err
	}
	if err := checkLook(label, treatAs); err != nil {
		return err
	}
	if err := d.room(); err != nil {
		return err
	}
	d.add(MessageSent{From: from, Text: text, Label: label, TreatAs: system(treatAs), Visibility: from.atMost(v)})
	return nil
}

// farewell sends the text that goes with an agent's way out, if there is one and a customer to read it (agent-api 4.0, 5.2.6).
func (d *draft) farewell(userID string, f Farewell) {
	from, in := d.participant(userID)
	if _, customer := d.Customer(); !in || !customer || f.Text == "" {
		return
	}
	label := f.MessageType
	if label == "" {
		label = string(TextMessage)
	}
	d.add(MessageSent{From: from, Text: f.Text, Label: label, TreatAs: system(f.TreatAs), Visibility: from.atMost(VisibleToAll), Farewell: true})
}

// system drops the treatAs that says nothing (agent-api 5.2.7).
func system(treatAs string) string {
	if treatAs == treatNormal {
		return ""
	}
	return treatAs
}

func (d *draft) sendURL(from Participant, a SendURL) error {
	if err := checkURL(a.URL); err != nil {
		return err
	}
	if err := d.room(); err != nil {
		return err
	}
	d.add(URLPushed{From: from, URL: a.URL})
	return nil
}

func (d *draft) sendNotice(from Participant, text string, v Visibility) error {
	if err := needed("noticeText", text, MaxText); err != nil {
		return err
	}
	if err := d.room(); err != nil {
		return err
	}
	d.add(NoticeSent{From: from, NoticeText: text, Visibility: from.atMost(v)})
	return nil
}

// atMost lowers a visibility to the participant's own: nothing she does is more visible than she is (agent-api 5.2.3).
func (p Participant) atMost(v Visibility) Visibility {
	for _, low := range [...]Visibility{VisibleToSupervisors, VisibleToAgents} {
		if v == low || p.Visibility == low {
			return low
		}
	}
	return v
}

// beginTyping begins a typing state, or renews it, at most once per second. A participant types to one circle at a time.
func (d *draft) beginTyping(from Participant, v Visibility, preview string) {
	if d.at.Sub(d.paces[from.ID].start) < TypingPace {
		return
	}
	v = from.atMost(v)
	typing, renewed := d.Typing[from.ID]
	if renewed && typing.Visibility != v {
		d.add(TypingEnded{From: from, Visibility: typing.Visibility})
		renewed = false
	}
	// The customer's own renewals are nothing new to her (customer-api 2.3); those of agents are delivered again (agent-api 4.4).
	d.add(TypingBegan{From: from, Visibility: v, Preview: preview, Renewed: renewed && from.Type == Customer})
}

// endTyping ends a typing state. Without one there is nothing to end, but an agent's stop is delivered all the same, at most once per second: a text ends
// the state without an event, and not everybody who reads it takes the indicator away (agent-api 4.4).
func (d *draft) endTyping(from Participant, v Visibility) {
	v = from.atMost(v)
	typing, on := d.Typing[from.ID]
	if on && typing.Visibility == v || !on && from.Type == Agent && d.at.Sub(d.paces[from.ID].stop) >= TypingPace {
		d.add(TypingEnded{From: from, Visibility: v})
	}
}

// typingTimeout ends a typing state that nobody has renewed since it was timed.
func (d *draft) typingTimeout(a TypingTimeout) {
	typing, ok := d.Typing[a.ParticipantID]
	if !ok || typing.Since.After(a.Since) {
		return
	}
	for _, p := range d.Participants {
		if p.ID == a.ParticipantID {
			d.add(TypingEnded{From: p, Visibility: typing.Visibility})
			return
		}
	}
}
