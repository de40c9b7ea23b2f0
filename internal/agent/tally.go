package agent

import "time"

// Tally is what an agent has done on one day (agent-api 6.4). Of her chats it counts those that count against her capacity: consultations and supervision are
// apart. It is kept in her row, so that it costs no commit of its own, and begun anew by the first change of another day.
type Tally struct {
	Day         string `json:"day,omitzero"` // 2006-01-02
	Offered     int    `json:"offered,omitzero"`
	Accepted    int    `json:"accepted,omitzero"`
	Rejected    int    `json:"rejected,omitzero"`
	Missed      int    `json:"missed,omitzero"`      // not answered in time
	Handled     int    `json:"handled,omitzero"`     // which she was in, and that are over for her
	Transferred int    `json:"transferred,omitzero"` // by her, to an agent or a queue
	// Times in microseconds. Handling is the sum over the handled chats, each from her joining to its end for her.
	Handling int64 `json:"handling,omitzero"`
	LoggedIn int64 `json:"loggedIn,omitzero"` // to chat
	Ready    int64 `json:"ready,omitzero"`
	// LoggedInSince and ReadySince say since when these go on, perhaps from an earlier day; zero: they do not.
	LoggedInSince time.Time `json:"loggedInSince,omitzero"`
	ReadySince    time.Time `json:"readySince,omitzero"`
}

// on returns the tally for the day of now, in now's time zone.
func (t Tally) on(now time.Time) Tally {
	if day := now.Format(time.DateOnly); t.Day != day {
		return Tally{Day: day, LoggedInSince: t.LoggedInSince, ReadySince: t.ReadySince}
	}
	return t
}

// Plus returns the tally of the day of now with more counts and more time of handling. The day ends with midnight in now's time zone.
func (t Tally) Plus(more Tally, now time.Time) Tally {
	t = t.on(now)
	t.Offered += more.Offered
	t.Accepted += more.Accepted
	t.Rejected += more.Rejected
	t.Missed += more.Missed
	t.Handled += more.Handled
	t.Transferred += more.Transferred
	t.Handling += more.Handling
	return t
}

// Until returns the tally of the day of now with the times that go on added up to now.
func (t Tally) Until(now time.Time) Tally {
	t = t.on(now)
	t.LoggedIn, t.LoggedInSince = clock(t.LoggedIn, t.LoggedInSince, false, now)
	t.Ready, t.ReadySince = clock(t.Ready, t.ReadySince, false, now)
	return t
}

// Timed notes in her tally that she is logged in to chat or ready, since now, or no longer. Whoever changes her standing calls it.
func (s State) Timed(now time.Time) State {
	loggedIn, ready := s.LoggedInTo(Chat), s.Ready()
	if t := s.Tally; loggedIn != t.LoggedInSince.IsZero() && ready != t.ReadySince.IsZero() {
		return s
	}
	t := s.Tally.on(now)
	t.LoggedIn, t.LoggedInSince = clock(t.LoggedIn, t.LoggedInSince, loggedIn, now)
	t.Ready, t.ReadySince = clock(t.Ready, t.ReadySince, ready, now)
	s.Tally = t
	return s
}

// clock starts or stops a sum of times of one day.
func clock(sum int64, since time.Time, runs bool, now time.Time) (int64, time.Time) {
	switch {
	case runs && since.IsZero():
		return sum, now.UTC()
	case runs || since.IsZero():
		return sum, since
	}
	year, month, day := now.Date()
	if midnight := time.Date(year, month, day, 0, 0, 0, 0, now.Location()); since.Before(midnight) {
		since = midnight
	}
	return sum + max(now.Sub(since), 0).Microseconds(), time.Time{}
}
