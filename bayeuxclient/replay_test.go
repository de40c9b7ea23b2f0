package bayeuxclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/bayeux/binary"
	"github.com/halley-chat/halley/bayeuxclient"
)

// journal is a stream that everybody reads.
type journal struct {
	mu      sync.Mutex
	epoch   int64
	pruned  int64
	entries []bayeux.Entry
}

func (j *journal) add(channel, data string) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.epoch<<31 + int64(len(j.entries)) + 1
	j.entries = append(j.entries, bayeux.Entry{N: n, Channel: channel, Data: jsontext.Value(data)})
	return n
}

func (j *journal) Head(context.Context, string) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.epoch<<31 + int64(len(j.entries)), nil
}

func (j *journal) After(_ context.Context, _ string, after int64, limit int) ([]bayeux.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := min(max(after-j.epoch<<31, j.pruned, 0), int64(len(j.entries)))
	rest := j.entries[first:]
	return append([]bayeux.Entry(nil), rest[:min(limit, len(rest))]...), nil
}

// restart is what follows a restore of the stream from a copy: other numbers.
func (j *journal) restart(epoch, pruned int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.entries {
		j.entries[i].N += (epoch - j.epoch) << 31
	}
	j.epoch, j.pruned = epoch, pruned
}

func openJournal(t *testing.T) (*desk, *journal) {
	j := &journal{epoch: 7}
	return openDesk(t, bayeux.Options{
		Source: j, Stream: func(bayeux.Principal) string { return "all" },
		Extensions: []bayeux.ExtensionName{bayeux.ExtensionAck, bayeux.ExtensionReplay},
	}), j
}

// tell adds to the stream.
func (d *desk) tell(j *journal, channel string, data ...string) {
	for _, text := range data {
		d.Wake("all", j.add(channel, text))
	}
}

// expect takes messages with this data, in this order, and returns the last one.
func (b inbox) expect(t *testing.T, data ...string) (m bayeuxclient.Message) {
	t.Helper()
	for _, want := range data {
		m = b.next(t)
		if want = fmt.Sprintf(`{"v":%s,"event":{"replayId":%d}}`, want, m.ReplayID); string(m.Data) != want {
			t.Fatalf("got %s, want %s", m.Data, want)
		}
	}
	return m
}

func v(n ...int) (all []string) {
	for _, i := range n {
		all = append(all, fmt.Sprintf(`{"v":%d}`, i))
	}
	return all
}

// RP-1 to RP-3: over breaks and restarts of the server, each subscription gets each message once.
func TestReplayOverRestarts(t *testing.T) {
	t.Parallel()
	for _, ack := range []bool{false, true} {
		overBoth(t, func(t *testing.T, transport string) {
			d, j := openJournal(t)
			d.tell(j, "/a", v(1, 2)...)
			a, b, all := make(inbox, 100), make(inbox, 100), make(inbox, 100)
			told := make(phases, 1000)
			opt := d.options()
			opt.Transports, opt.Replay, opt.Ack, opt.OnState = []string{transport}, true, ack, told.on
			c := connect(t, opt)
			for channel, s := range map[string]struct {
				from int64
				on   inbox
			}{"/a": {bayeuxclient.FromOldest, a}, "/b": {bayeuxclient.FromNow, b}} {
				if _, err := c.SubscribeFrom(t.Context(), channel, s.from, s.on.on); err != nil {
					t.Fatal(err)
				}
			}
			first := a.expect(t, "1", "2")
			restart := func(meanwhile func()) {
				d.stop()
				meanwhile()
				d.start()
				if s, _ := told.until(t, bayeuxclient.Handshaken); s.Err != nil {
					t.Error(s.Err)
				}
			}
			told.until(t, bayeuxclient.Connected)
			restart(func() { j.add("/b", `{"v":3}`); j.add("/a", `{"v":4}`) })
			b.expect(t, "3") // it had nothing before, and missed nothing [RP-2]
			a.expect(t, "4")
			d.tell(j, "/a", v(5)...)
			a.expect(t, "5")
			// A wider subscription from further back brings nothing twice to the others.
			if _, err := c.SubscribeFrom(t.Context(), "/**", first.ReplayID, all.on); err != nil {
				t.Fatal(err)
			}
			all.expect(t, "3", "4", "5")
			told.until(t, bayeuxclient.Connected)
			restart(func() { j.add("/a", `{"v":6}`) })
			d.tell(j, "/b", v(7)...)
			all.expect(t, "6", "7")
			a.expect(t, "6")
			b.expect(t, "7")
			if len(a)+len(b)+len(all) > 0 {
				t.Errorf("more came: %d, %d, %d", len(a), len(b), len(all))
			}
		})
	}
}

// RP-6: connections cut at any moment lose nothing and repeat nothing.
func TestReplayOverCuts(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d, j := openJournal(t)
		got := make(inbox, 1000)
		opt := d.options()
		opt.Transports, opt.Replay = []string{transport}, true
		c := connect(t, opt)
		if _, err := c.Subscribe(t.Context(), "/n", got.on); err != nil {
			t.Fatal(err)
		}
		const most = 300
		var cutting sync.WaitGroup
		cutting.Go(func() {
			for i := range most {
				d.tell(j, "/n", v(i)...)
				if i%30 == 29 {
					d.cut()
				}
			}
		})
		for i := range most {
			got.expect(t, fmt.Sprint(i))
		}
		cutting.Wait()
	})
}

// RP-5: what the server has not kept is said, and what it has comes.
func TestReplayTooOld(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d, j := openJournal(t)
		got, told := make(inbox, 100), make(phases, 1000)
		opt := d.options()
		opt.Transports, opt.Replay, opt.OnState = []string{transport}, true, told.on
		c := connect(t, opt)
		if _, err := c.SubscribeFrom(t.Context(), "/n", 1, got.on); err == nil || !replyCode(err, 400) {
			t.Fatalf("a position of another epoch: %v", err)
		}
		if _, err := c.Subscribe(t.Context(), "/n", got.on); err != nil {
			t.Fatal(err)
		}
		d.tell(j, "/n", v(1, 2)...)
		got.expect(t, "1", "2")
		told.until(t, bayeuxclient.Connected)
		d.stop()
		j.add("/n", `{"v":3}`)
		j.add("/n", `{"v":4}`)
		j.restart(3, 3) // lower numbers than before
		d.start()
		if s, _ := told.until(t, bayeuxclient.Handshaken); !replyCode(s.Err, 400) {
			t.Errorf("told %v", s.Err)
		}
		if m := got.expect(t, "4"); m.ReplayID != 3<<31+4 {
			t.Errorf("at %d", m.ReplayID)
		}
	})
}

func replyCode(err error, code int) bool {
	reply, ok := errors.AsType[*bayeuxclient.ReplyError](err)
	return ok && reply.Code() == code
}

// RP-1, TS-1: with a server that knows no extensions all goes on without them.
func TestWithoutExtensions(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d := openDesk(t, bayeux.Options{Extensions: []bayeux.ExtensionName{}})
		got := make(inbox, 100)
		opt := d.options()
		opt.Transports, opt.Replay, opt.Ack, opt.Timesync = []string{transport}, true, true, true
		c := connect(t, opt)
		if _, err := c.SubscribeFrom(t.Context(), "/n", 12, got.on); err != nil {
			t.Fatal(err)
		}
		if err := c.Publish(t.Context(), "/n", map[string]any{"event": map[string]int{"replayId": 9}}); err != nil {
			t.Fatal(err)
		}
		if m := got.next(t); m.ReplayID != 0 {
			t.Errorf("%+v", m)
		}
		if offset, lag, ok := c.Clock(); ok {
			t.Errorf("a clock of %v, %v", offset, lag)
		}
	})
}

// TS-1, TS-2: the server's clock, which is this machine's.
func TestTimesync(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d := openDesk(t, bayeux.Options{Timeout: 10 * time.Millisecond})
		opt := d.options()
		opt.Transports, opt.Timesync = []string{transport}, true
		c := connect(t, opt)
		offset, lag, ok := c.Clock()
		if !ok || offset.Abs() > lag+2*time.Millisecond || lag < 0 || lag > 5*time.Second {
			t.Errorf("offset %v, lag %v, %v", offset, lag, ok)
		}
	})
}

// BI-1, BI-2: bytes from client to client.
func TestBytes(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d := openDesk(t, bayeux.Options{})
		got := make(inbox, 100)
		opt := d.options()
		opt.Transports = []string{transport}
		c := connect(t, opt)
		if _, err := c.Subscribe(t.Context(), "/n", got.on); err != nil {
			t.Fatal(err)
		}
		every := make([]byte, 256+3)
		for i := range every {
			every[i] = byte(i)
		}
		sent := binary.Piece{Data: every, Last: true, Meta: raw(`{"name":"all.bin"}`)}
		if err := c.PublishBytes(t.Context(), "/n", sent); err != nil {
			t.Fatal(err)
		}
		p, err := got.next(t).Binary()
		if err != nil || !bytes.Equal(p.Data, every) || !p.Last || string(p.Meta) != string(sent.Meta) {
			t.Errorf("%+v, %v", p, err)
		}
		if err := c.Publish(t.Context(), "/n", 1); err != nil {
			t.Fatal(err)
		}
		if _, err := got.next(t).Binary(); !errors.Is(err, binary.ErrOther) {
			t.Error(err)
		}
	})
}
