package bus_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/bus"
	"github.com/halley-chat/halley/internal/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLocal(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(*testing.T) bus.Bus { return bus.NewLocal() })
}

// A full queue drops and counts; what already waits stays in order.
func TestLocalDrops(t *testing.T) {
	t.Parallel()
	b := bus.NewLocal()
	defer b.Close()
	entered, leave := make(chan struct{}), make(chan struct{})
	got := make(chan byte, 10_000)
	first := true
	_, err := b.Subscribe("x", func(_ string, data []byte) {
		if first {
			first = false
			close(entered)
			<-leave
		}
		got <- data[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Publish("x", []byte{0})
	<-entered
	const queue, extra = 4096, 10
	for i := range queue + extra {
		b.Publish("x", []byte{byte(i)})
	}
	if n := b.Dropped(); n != extra {
		t.Errorf("%d messages were dropped, want %d", n, extra)
	}
	close(leave)
	<-got
	for i := range queue {
		if v := <-got; v != byte(i) {
			t.Fatalf("message %d came as %d", i, v)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	local := bus.NewLocal()
	defer local.Close()
	if _, err := local.Subscribe("feed.*", func(string, []byte) {}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		local.Publish("feed.agent:dana", nil)
	}
}
