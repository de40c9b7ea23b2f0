package bayeux

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"
)

// A reader at rest begins anew with whatever comes: frames in pieces, several in one, and so
// many that it rests no more. A long message needs more than its buffer.
func TestReaderRests(t *testing.T) {
	t.Parallel()
	r := start(t, Options{}).raw()
	var empty, both bytes.Buffer
	must(t, ws.WriteFrame(&empty, ws.MaskFrame(ws.NewTextFrame([]byte(`[]`)))))
	long := append(bytes.Repeat([]byte(" "), 3*readBuffer), "[]"...)
	must(t, ws.WriteFrame(&both, ws.MaskFrame(ws.NewTextFrame(long))))
	both.Write(empty.Bytes())

	send := func(b []byte, answers int) {
		t.Helper()
		_, err := r.conn.Write(b)
		must(t, err)
		for range answers {
			if got := r.readText(); got != "[]" {
				t.Fatal(got)
			}
		}
	}
	for range 2 {
		for _, c := range empty.Bytes()[:empty.Len()-1] {
			send([]byte{c}, 0)
		}
		send(empty.Bytes()[empty.Len()-1:], 1)
		send(both.Bytes(), 2)
		for range 2 * busyFrames {
			send(empty.Bytes(), 1)
		}
	}
}
