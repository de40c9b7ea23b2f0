package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// sum tells notifications apart. Libraries keep the members of objects in an order of their own, so it does not depend on that.
type sum uint64

func sumOf(data []byte) (sum, error) {
	v := jsontext.Value(data).Clone()
	if err := v.Canonicalize(); err != nil {
		return 0, fmt.Errorf("a notification is no JSON: %w", err)
	}
	h := sha256.Sum256(v)
	return sum(binary.LittleEndian.Uint64(h[:])), nil
}

// receipt is a notification that a desktop heard.
type receipt struct {
	sum sum
	at  time.Time
}

// verdict is what a desktop heard, held against what it was to hear.
type verdict struct {
	Expected   int `json:"expected"`
	Heard      int `json:"heard"`
	Lost       int `json:"lost"`
	OutOfOrder int `json:"outOfOrder"` // heard for the first time after a later one
	Repeated   int `json:"repeated"`   // in all
	Unexcused  int `json:"unexcused"`  // repeated without a mishap that explains it
	Unknown    int `json:"unknown"`    // never sent

	First  string `json:"first,omitempty"`  // the first fault found, in words
	Course string `json:"course,omitempty"` // then also what was heard, as ranges of notifications with the time of the first
}

// judge holds what was heard against the feed. A repeat begins anywhere and goes on from there in order; excused says whether what was heard at one time
// may come again at another.
func judge(feed []sum, heard []receipt, excused func(first, again time.Time) bool) verdict {
	v := verdict{Expected: len(feed), Heard: len(heard)}
	fault := func(count *int, format string, args ...any) {
		*count++
		if v.First == "" {
			v.First = fmt.Sprintf(format, args...)
		}
	}
	where := map[sum][]int{}
	for i, s := range feed {
		where[s] = append(where[s], i)
	}
	first := make([]time.Time, len(feed)) // when each was heard first
	last, highest := -1, -1
	var course strings.Builder
	for i, r := range heard {
		at := place(feed, where[r.sum], r.sum, last, highest)
		switch {
		case at < 0:
			fault(&v.Unknown, "message %d is none of the feed's", i)
			continue
		case at > highest:
			highest = at
		case first[at].IsZero():
			fault(&v.OutOfOrder, "notification %d was heard after %d", at, highest)
		default:
			v.Repeated++
			if !excused(first[at], r.at) {
				fault(&v.Unexcused, "notification %d, heard at %s, was heard again at %s", at, clock(first[at]), clock(r.at))
			}
			if at > last+1 && last < highest {
				fault(&v.OutOfOrder, "within a repeat, notification %d was heard after %d", at, last)
			}
		}
		if at != last+1 || i == 0 {
			fmt.Fprintf(&course, "-%d, %s %d", last, clock(r.at), at)
		}
		last = at
		if first[at].IsZero() {
			first[at] = r.at
		}
	}
	for i, at := range first {
		if at.IsZero() {
			fault(&v.Lost, "notification %d of %d was never heard", i, len(feed))
		}
	}
	if v.First != "" {
		v.Course = fmt.Sprintf("%s-%d", strings.TrimPrefix(course.String(), "--1, "), last)
	}
	return v
}

// place says which notification of the feed was heard; -1: none. Some are equal, byte for byte: then it is the one that would come next, else the nearest.
func place(feed []sum, candidates []int, s sum, last, highest int) int {
	for _, next := range []int{last + 1, highest + 1} {
		if next < len(feed) && feed[next] == s {
			return next
		}
	}
	best := -1
	for _, c := range candidates {
		if best < 0 || c <= highest {
			best = c
		}
	}
	return best
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
