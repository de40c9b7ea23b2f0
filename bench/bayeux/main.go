//go:build linux

// Bayeux measures the Bayeux server beside others, in one run: it starts each peer as a process of its own, is itself the load generator, and goes through
// the workloads in rounds, so that a slow moment of the machine hits all of them. It prints a report in Markdown.
//
//	go run ./bench/bayeux
//	go run ./bench/bayeux --peers ours,floor --workloads rooms --rounds 1 --length 3s
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// plan is what the flags say.
type plan struct {
	peers     []*peer
	workloads []workload
	rounds    int
	load      load
	settle    time.Duration
	timeout   time.Duration
	idle      int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == hostileMode {
		if err := hostile(os.Args[2], os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, "bayeux: hostile clients:", err)
			stop()
			os.Exit(1)
		}
		return
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bayeux:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var p plan
	names := flag.String("peers", "ours,floor,cometd,faye", "servers to measure")
	kinds := flag.String("workloads", "", "beginnings of the names of workloads, separated by commas; empty: all")
	flag.IntVar(&p.rounds, "rounds", 3, "measurements of each, of which the median counts")
	flag.IntVar(&p.load.rate, "rate", 5000, "deliveries per second where the rate is given")
	flag.IntVar(&p.load.window, "window", 10000, "deliveries under way where it is not")
	flag.DurationVar(&p.load.warm, "warm", 3*time.Second, "load before each measurement")
	flag.DurationVar(&p.load.length, "length", 8*time.Second, "length of a measurement")
	flag.DurationVar(&p.settle, "settle", 20*time.Second, "rest before the memory of idle sessions is read")
	flag.DurationVar(&p.timeout, "timeout", 30*time.Second, "time for which servers hold a connect")
	flag.IntVar(&p.idle, "idle", 5000, "idle sessions; the long rest has twice as many")
	ours := flag.String("binary", "", "what to measure as ours, such as an earlier build of bayeux/examples/openserver; empty: build it")
	flag.Parse()

	dir, err := os.MkdirTemp("", "bench-bayeux-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	module, err := root()
	if err != nil {
		return err
	}
	for _, peer := range peers(module, dir, *ours) {
		if !slices.Contains(strings.Split(*names, ","), peer.name) {
			continue
		}
		if err := peer.build(ctx); err != nil {
			return err
		}
		p.peers = append(p.peers, peer)
	}
	for _, w := range workloads {
		if slices.ContainsFunc(strings.Split(*kinds, ","), func(k string) bool { return strings.HasPrefix(w.name, k) }) {
			p.workloads = append(p.workloads, w)
		}
	}
	return p.run(ctx)
}
