package bayeux

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// accuracyTarget is below what error of the client's clock, in milliseconds, nothing is said any more (TS-3).
const accuracyTarget = 25

// timesync answers a client that wants to know the server's clock (17.2): the function completes the reply. It is nil when the
// extension is off, or the message does not ask, or there is nothing to say.
func (srv *Server) timesync(m *Message) func(*ReplyExt) {
	if m.Ext == nil || !srv.with[ExtensionTimesync] || familyOf(m.Channel) != familyMeta { // TS-1
		return nil
	}
	received := time.Now()
	asked := m.extMember("timesync")
	if asked.Kind() != '{' {
		return nil
	}
	var tc, lag, offset int64
	told := false
	eachMember(asked, func(name string, value jsontext.Value) {
		switch name {
		case "tc":
			tc, told = clockNumber(value)
		case "l":
			lag, _ = clockNumber(value)
		case "o":
			offset, _ = clockNumber(value)
		}
	})
	ts := received.UnixMilli()
	accuracy := tc + offset + lag - ts
	if !told || lag != 0 && -accuracyTarget < accuracy && accuracy < accuracyTarget { // TS-3
		return nil
	}
	return func(ext *ReplyExt) { // TS-2, TS-4
		b := strconv.AppendInt([]byte(`{"tc":`), tc, 10)
		b = strconv.AppendInt(append(b, `,"ts":`...), ts, 10)
		b = strconv.AppendInt(append(b, `,"p":`...), time.Since(received).Milliseconds(), 10)
		b = strconv.AppendInt(append(b, `,"a":`...), accuracy, 10)
		ext.Set("timesync", append(b, '}'))
	}
}

// clockNumber reads a time in milliseconds; what is beyond all calendars is none.
func clockNumber(v jsontext.Value) (ms int64, ok bool) {
	if v.Kind() != '0' {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}
