package chat

// Phase is where a chat stands as a whole; what each agent sees is her [ViewState].
type Phase string

const (
	Waiting  Phase = "waiting"  // in a queue, or offered; nobody has it
	Active   Phase = "active"   // an agent is in, the customer may be gone already
	WrapUp   Phase = "wrap-up"  // over for the customer, an agent still works on it, or will: it lies in a workbin
	Finished Phase = "finished" // over for everyone; the log takes no more events
)
