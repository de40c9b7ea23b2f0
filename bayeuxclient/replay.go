package bayeuxclient

import (
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Positions to subscribe from, besides that of a message (Message.ReplayID) [RP-2].
const (
	FromNow    int64 = -1 // only new messages
	FromOldest int64 = -2 // all that the server has kept
)

// positions are how far each subscription has come in the server's stream, so that a new session goes on from there [17.7].
type positions struct {
	mu sync.Mutex
	of map[string]*position // by the channel or pattern subscribed to
}

// position is where a subscription is to begin: after the last message, once that is known.
type position struct {
	asked int64
	last  int64
	known bool
}

// begin notes where a subscription is to begin, unless there is one already.
func (p *positions) begin(channel string, from int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[string]*position{}
	}
	if key := plain(channel); p.of[key] == nil {
		p.of[key] = &position{asked: from, last: from, known: from >= 0}
	}
}

// end forgets a subscription.
func (p *positions) end(channel string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.of, plain(channel))
}

// restart lets a subscription begin with all that is kept: the server does not have what follows its position any more [RP-5]. It
// reports false if that is what the subscription did.
func (p *positions) restart(channel string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.of[plain(channel)]
	if at == nil || !at.known {
		return false
	}
	*at = position{asked: FromOldest}
	return true
}

// ext is what a subscribe says about where to begin.
func (p *positions) ext(channel string) map[string]jsontext.Value {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.of[plain(channel)]
	if at == nil {
		return nil
	}
	from := at.asked
	if at.known {
		from = at.last
	}
	name, err := jsontext.AppendQuote([]byte{'{'}, channel)
	if err != nil {
		return nil // no channel: the server will say so
	}
	return map[string]jsontext.Value{"replay": append(strconv.AppendInt(append(name, ':'), from, 10), '}')}
}

// subscribed takes note of where the server's stream ended when it confirmed a subscription: one to what is new goes on from there.
func (p *positions) subscribed(channel string, ext jsontext.Value) {
	var told struct {
		Position *int64 `json:"streamPosition"`
	}
	if ext.Kind() != '{' || json.Unmarshal(ext, &told, jsontext.AllowDuplicateNames(true)) != nil || told.Position == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.of[plain(channel)]; at != nil && !at.known && at.asked == FromNow {
		at.last, at.known = *told.Position, true
	}
}

// reached takes note of a message. It returns the subscriptions to which it is nothing new, and whether it is that to all.
func (p *positions) reached(channel string, id int64) (stale []string, old bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := 0
	matching(channel, func(pattern string) {
		switch at := p.of[pattern]; {
		case at == nil:
		case at.known && id <= at.last:
			stale = append(stale, pattern)
		default:
			at.last, at.known = id, true
			fresh++
		}
	})
	return stale, fresh == 0 && len(stale) > 0
}

// replayID returns the position that a message tells, 0 if it tells none [RP-3].
func (m incoming) replayID() int64 {
	if m.Data.Kind() != '{' {
		return 0
	}
	var data struct {
		Event struct {
			ReplayID int64 `json:"replayId"`
		} `json:"event"`
	}
	if json.Unmarshal(m.Data, &data, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
		return 0
	}
	return data.Event.ReplayID
}

// agrees reports whether the server's reply to a handshake says yes to an extension.
func (m incoming) agrees(extension string) bool {
	var ext map[string]jsontext.Value
	return m.Ext.Kind() == '{' && json.Unmarshal(m.Ext, &ext, jsontext.AllowDuplicateNames(true)) == nil && ext[extension].Kind() == 't'
}
