package load

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/process"
)

// Sample is what the server took at a moment.
type Sample struct {
	Seconds    float64 `json:"seconds"` // since the load began
	Resident   int64   `json:"resident"`
	Goroutines int     `json:"goroutines"`
	Files      int     `json:"files"`
}

// Costs are what the server's process took. They are known on Linux, of a process that is.
type Costs struct {
	CPU     float64  `json:"cpu"`     // seconds of processor time
	Cores   float64  `json:"cores"`   // CPU over the time it took
	OwnCPU  float64  `json:"ownCpu"`  // seconds, of the load itself
	Peak    int64    `json:"peak"`    // resident bytes
	Samples []Sample `json:"samples"` // at even distances
}

// watch reads what the server costs while it is under load. A server that is restarted is counted over its processes.
type watch struct {
	target *target
	began  time.Time
	own    time.Duration

	mu    sync.Mutex
	costs Costs
	pid   int
	seen  time.Duration // processor time of pid, as last read
	used  time.Duration // of all processes, since the load began
}

// Samples are taken so often, and are at most maxSamples: then every second one is dropped.
const (
	watchEvery  = time.Second
	sampleEvery = 5 * time.Second
	maxSamples  = 720
)

func newWatch(t *target) *watch {
	w := &watch{target: t, began: time.Now()}
	w.own, _ = process.CPU(os.Getpid()) // 0 where it is not known
	w.pid = t.pid()
	w.seen, _ = process.CPU(w.pid) // as above
	return w
}

func (w *watch) run(ctx context.Context) {
	every := sampleEvery
	next := time.Now()
	for {
		w.look()
		if !time.Now().Before(next) {
			if w.sample(ctx) >= maxSamples {
				every *= 2
			}
			next = next.Add(every)
		}
		if !pause(ctx, watchEvery) {
			return
		}
	}
}

// look reads processor time and memory.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	pid := w.target.pid()
	if pid == 0 {
		return
	}
	if pid != w.pid {
		w.pid, w.seen = pid, 0
	}
	if now, err := process.CPU(pid); err == nil {
		w.used += now - w.seen
		w.seen = now
	}
	if rss, err := process.Resident(pid); err == nil {
		w.costs.Peak = max(w.costs.Peak, rss)
	}
}

// sample adds a sample, and returns how many there are.
func (w *watch) sample(ctx context.Context) int {
	pid := w.target.pid()
	if pid == 0 {
		return 0
	}
	s := Sample{Seconds: time.Since(w.began).Seconds(), Goroutines: goroutines(ctx, w.target.url)}
	s.Resident, _ = process.Resident(pid) // 0 where it is not known
	s.Files, _ = process.Files(pid)       // as above
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.Resident == 0 {
		return len(w.costs.Samples) // it has just ended
	}
	w.costs.Samples = append(w.costs.Samples, s)
	n := len(w.costs.Samples)
	if n >= maxSamples {
		kept := w.costs.Samples[:0]
		for i := 0; i < n; i += 2 {
			kept = append(kept, w.costs.Samples[i])
		}
		w.costs.Samples = kept
	}
	return n
}

// sum is what it came to.
func (w *watch) sum(took time.Duration) Costs {
	w.look()
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.costs
	c.CPU = w.used.Seconds()
	c.Cores = c.CPU / took.Seconds()
	if own, err := process.CPU(os.Getpid()); err == nil {
		c.OwnCPU = (own - w.own).Seconds()
	}
	return c
}

// goroutines reads how many goroutines the server has, 0 if it does not tell.
func goroutines(ctx context.Context, server string) int {
	ctx, cancel := context.WithTimeout(ctx, watchEvery)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/metrics", nil)
	if err != nil {
		return 0
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			n, _ := strconv.Atoi(text) // 0 if it is no number
			return n
		}
	}
	return 0
}
