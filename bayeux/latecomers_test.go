package bayeux

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// AK-4, A6, A14: a client that gives connects up sees every message once and in order, also when they come to the server after their successors and take
// messages along to nowhere: the number of a later batch does not stand for one that was taken for lost before.
func TestAckOfLatecomers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var o outbox
		var seen []uint64
		told := []int64{0} // what the client has named, the newest last
		connect := func(ack int64, arrives bool) {
			o.acknowledge(ack)
			items := o.take(rapid.IntRange(1, 4).Draw(t, "batch"), 1000, everything)
			no := o.seal(parcel{pipe: byConnect, items: items})
			if !arrives {
				return
			}
			for _, it := range items {
				seen = append(seen, it.n)
			}
			told = append(told, no)
		}
		newest := func() int64 { return told[len(told)-1] }
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(*rapid.T) { o.push(&event{array: []byte("[1]")}, false, bounds{-1, -1}, EndSession) },
			"connect": func(t *rapid.T) { connect(newest(), rapid.Bool().Draw(t, "arrives")) },
			"late":    func(t *rapid.T) { connect(rapid.SampledFrom(told).Draw(t, "ack"), false) },
		})
		for range 2 * o.last {
			connect(newest(), true)
		}
		o.acknowledge(newest())
		if want := slices.Sorted(slices.Values(seen)); !slices.Equal(seen, slices.Compact(want)) || uint64(len(seen)) != o.last || o.count != 0 {
			t.Fatalf("of %d messages it saw %v; %d are left", o.last, seen, o.count)
		}
	})
}

// CN-10, AK-2: the reply to a connect that is not the newest names no batch: its client may not have what the newer one brought.
func TestOlderConnectNamesNoBatch(t *testing.T) {
	t.Parallel()
	b := startInMemory(t, Options{Extensions: []ExtensionName{ExtensionAck}})
	c := b.polling()
	shake(t, c, `{"ack":true}`)
	c.ask(ackConnect("1", "0"))
	subscribe(t, c, "/s")
	b.publish("/s", "1")
	one := func(id string) string {
		return `{"channel":"/meta/connect","id":"` + id + `","clientId":"<A>","connectionType":"long-polling","advice":{"timeout":0},"ext":{"ack":1}}`
	}
	replies := withoutMessages(c.ask("[" + one("2") + "," + one("3") + "]"))
	if len(replies) != 2 || strings.Contains(replies[0], `"ack"`) || !strings.Contains(replies[1], `"ack"`) {
		t.Errorf("%q", replies)
	}
}

// withoutMessages keeps the replies.
func withoutMessages(objs []string) []string {
	return slices.DeleteFunc(slices.Clone(objs), func(o string) bool { return !strings.Contains(o, `"/meta/connect"`) })
}
