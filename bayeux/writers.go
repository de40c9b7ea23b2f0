package bayeux

import (
	"runtime"
	"sync"
	"time"
)

// writers write for connections that have something to say: websockets, and connects at rest that were released. A write waits for nobody:
// what the system has no room for goes on in a goroutine of the connection's own, so
// that a peer which does not read holds up nobody else.
//
// Who made the connection have something to say may write itself (now); for all others
// at most 2 × CPU goroutines do so, each connection's turn being one write.
type writers struct {
	mu      sync.Mutex
	queue   []writable
	running int
	most    int
	all     sync.WaitGroup
}

// writable is a connection that whoever got it must see written.
type writable interface {
	// writeOnce is one write. It reports whether another one is the caller's too.
	writeOnce() (more bool)
}

func (w *writers) init() { w.most = 2 * runtime.GOMAXPROCS(0) }

// later lists what others will write. Readers wait for what is done for them.
func (w *writers) later(claimed ...writable) {
	if len(claimed) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, claimed...)
	w.start()
}

// start sees to it that somebody works. w.mu is held.
func (w *writers) start() {
	if w.running < w.most {
		w.running++
		w.all.Go(w.work)
	}
}

func (w *writers) work() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 {
		k := w.queue[0]
		w.queue = w.queue[1:]
		if len(w.queue) > 0 {
			w.start()
		}
		w.mu.Unlock()
		more := k.writeOnce()
		w.mu.Lock()
		if more {
			w.queue = append(w.queue, k)
		}
	}
	w.queue = nil
	w.running--
}

// mostNow is how many connections somebody who has other things to do writes to.
const mostNow = 64

// now writes from this goroutine.
func (w *writers) now(claimed []writable) {
	n := min(len(claimed), mostNow)
	w.later(claimed[n:]...)
	for _, k := range claimed[:n] {
		if k.writeOnce() {
			w.later(k)
		}
	}
}

// claim reports whether the caller must see to it that somebody writes: it is the
// only one who may. The claim ends when there is nothing left to write.
func (k *socket) claim() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.writing || k.dead {
		return false
	}
	k.writing = true
	return true
}

// kick sees to it that somebody writes. It returns at once.
func (k *socket) kick() {
	if k.claim() {
		k.srv.writers.later(k)
	}
}

// flush writes from the reader's goroutine, or waits while another one writes,
// until the replies are gone: the next frame is read after that (WS-11), so that
// a peer which does not read cannot pile up answers. A reader that wrote more than
// once would not see the pongs that its peer sends meanwhile.
func (k *socket) flush() {
	k.writeOrWait(func() bool { return len(k.out) == 0 })
}

// flushAll is flush for the end of the connection: it returns when nothing is
// written any more.
func (k *socket) flushAll() {
	k.writeOrWait(func() bool { return false })
}

func (k *socket) writeOrWait(enough func() bool) {
	if k.claim() && k.writeOnce() {
		k.srv.writers.later(k)
	}
	k.mu.Lock()
	for k.writing && !enough() {
		k.changed.Wait()
	}
	k.mu.Unlock()
}

// load is what one write carries.
type load struct {
	*output
	session  *Session
	parcel   int64
	position mark
	messages int
	connects []*connect
}

// writeOnce is one write for a claimed socket, if there is anything to write. It
// reports whether the claim is still the caller's.
func (k *socket) writeOnce() bool {
	l := load{output: k.srv.packers.output()}
	if !k.compose(&l) {
		k.srv.packers.release(l.output)
		return false
	}
	if !l.try(k.raw) {
		k.srv.writers.all.Go(func() { k.finishWrite(l) })
		return false
	}
	return k.wrote(&l)
}

// finishWrite writes what the system had no room for, and goes on.
func (k *socket) finishWrite(l load) {
	_ = k.conn.SetWriteDeadline(time.Now().Add(k.srv.opt.WS.WriteTimeout)) // an error shows at the write
	_, l.err = k.conn.Write(l.rest())
	_ = k.conn.SetWriteDeadline(time.Time{}) // tries have none
	if k.wrote(&l) {
		k.srv.writers.later(k)
	}
}
