package directory

import "slices"

// Feature is something that a user is permitted (agent-api 1.8).
type Feature string

const (
	Multimedia     Feature = "api-multimedia"      // chats and readiness
	MultimediaChat Feature = "api-multimedia-chat" // the same
	Voice          Feature = "api-voice"           // contact-centre sessions; they are older than chat, and keep the name
	AgentControl   Feature = "api-supervisor-agent-control"
	Monitoring     Feature = "api-supervisor-monitoring"
)

// Features returns all features, in the order in which they are listed.
func Features() []Feature {
	return []Feature{Multimedia, MultimediaChat, Voice, AgentControl, Monitoring}
}

// May says whether the user has one of the features: by her own list, or, without one, by her roles.
func (u *User) May(oneOf ...Feature) bool { return slices.ContainsFunc(oneOf, u.has) }

// ForChats returns the features of which one is enough to take part in chats.
func ForChats() []Feature { return []Feature{MultimediaChat, Multimedia} }

// MayChat says whether the user may take part in chats.
func (u *User) MayChat() bool { return u.May(ForChats()...) }

func (u *User) has(f Feature) bool {
	if u.Features != nil {
		return slices.Contains(u.Features, f)
	}
	switch f {
	case Multimedia, MultimediaChat, Voice:
		return u.Has(AgentRole) || u.Has(SupervisorRole)
	case AgentControl, Monitoring:
		return u.Has(SupervisorRole)
	}
	return false
}
