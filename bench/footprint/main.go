// Footprint measures what an idle server costs: start-up time on an empty folder, resident memory, size of the binary.
//
//	go run ./bench/footprint --binary bin/halley
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/halley-chat/halley/internal/process"
)

func main() {
	binary := flag.String("binary", "bin/halley", "the server")
	runs := flag.Int("runs", 7, "starts to take the median of")
	settle := flag.Duration("settle", 5*time.Second, "how long a started server is left alone before its memory is read")
	flag.Parse()
	if err := run(*binary, *runs, *settle); err != nil {
		fmt.Fprintln(os.Stderr, "footprint:", err)
		os.Exit(1)
	}
}

func run(binary string, runs int, settle time.Duration) error {
	ctx := context.Background()
	info, err := os.Stat(binary)
	if err != nil {
		return fmt.Errorf("build it with `make build`: %w", err)
	}
	var starts []time.Duration
	var memory []int64
	for i := range runs {
		s, err := process.Start(ctx, process.Options{Binary: binary})
		if err != nil {
			return err
		}
		starts = append(starts, s.Started)
		if i < 3 { // memory varies little, and each reading costs the settling time
			time.Sleep(settle)
			rss, err := s.Resident()
			if err != nil {
				return err
			}
			memory = append(memory, rss)
		}
		if err := s.Stop(); err != nil {
			return err
		}
	}
	slices.Sort(starts)
	slices.Sort(memory)
	fmt.Println(process.Machine())
	fmt.Printf("start-up to /readyz, empty folder: median %v, worst %v of %d (goal 1 s)\n",
		starts[len(starts)/2].Round(time.Millisecond), starts[len(starts)-1].Round(time.Millisecond), len(starts))
	fmt.Printf("resident when idle, %v after the start: median %.1f MB, worst %.1f MB (goal 40 MB)\n",
		settle, mb(memory[len(memory)/2]), mb(memory[len(memory)-1]))
	fmt.Printf("binary: %.1f MB\n", mb(info.Size()))
	return nil
}

func mb(n int64) float64 { return float64(n) / (1 << 20) }
