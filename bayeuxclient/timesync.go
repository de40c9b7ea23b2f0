package bayeuxclient

import (
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// clock is what is known of the server's clock: the mean of the last samples [17.2].
type clock struct {
	mu      sync.Mutex
	samples []sample
}

// sample is what one reply tells: how long a message takes one way, and how far the server's clock is ahead of ours.
type sample struct{ lag, offset time.Duration }

// samplesKept is how many samples make the mean.
const samplesKept = 10

// Clock returns how far the server's clock is ahead of this machine's (negative: behind), and how long a message takes one way, as
// means of the latest measurements. ok is false as long as there is none: without Options.Timesync, or if the server does not answer it.
func (c *Client) Clock() (offset, lag time.Duration, ok bool) {
	k := &c.clock
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.samples) == 0 {
		return 0, 0, false
	}
	for _, s := range k.samples {
		offset += s.offset
		lag += s.lag
	}
	n := time.Duration(len(k.samples))
	return offset / n, lag / n, true
}

// askTime returns the question that a message carries [TS-1]. It tells what is known, so that a server need not answer for ever [TS-3].
func (c *Client) askTime() jsontext.Value {
	offset, lag, _ := c.Clock()
	return jsontext.Value(fmt.Sprintf(`{"tc":%d,"l":%d,"o":%d}`, time.Now().UnixMilli(), lag.Milliseconds(), offset.Milliseconds()))
}

// learn takes a reply's answer, if it has one [TS-2, TS-4].
func (k *clock) learn(ext jsontext.Value) {
	now := time.Now().UnixMilli()
	var told struct {
		Timesync *struct {
			TC *int64 `json:"tc"`
			TS *int64 `json:"ts"`
			P  int64  `json:"p"`
		} `json:"timesync"`
	}
	if ext.Kind() != '{' || json.Unmarshal(ext, &told, jsontext.AllowDuplicateNames(true)) != nil || told.Timesync == nil {
		return
	}
	t := told.Timesync
	if t.TC == nil || t.TS == nil {
		return
	}
	lag := (now - *t.TC - t.P) / 2
	if lag < 0 || lag > int64(time.Hour/time.Millisecond) || *t.TS < 0 || *t.TS > maxClock {
		return // no answer to what was asked
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := sample{lag: time.Duration(lag) * time.Millisecond, offset: time.Duration(*t.TS-*t.TC-lag) * time.Millisecond}
	if k.samples = append(k.samples, s); len(k.samples) > samplesKept {
		k.samples = k.samples[1:]
	}
}

// maxClock is a time in milliseconds beyond which a clock is not taken seriously; differences up to it fit a time.Duration.
const maxClock = 1 << 42
