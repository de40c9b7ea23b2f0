package storetest

import (
	"time"

	"github.com/halley-chat/halley/internal/store"
)

var binTests = []test{
	{"in the order in which they came", binOrder},
	{"in, elsewhere, out", binChanges},
	{"no more than are expected", binFull},
}

func binned(chatID, workbin string, after time.Duration) store.Binned {
	return store.Binned{ChatID: chatID, Workbin: workbin, By: "dana", At: start.Add(after)}
}

func puts(b store.Binned) store.BinChange { return store.BinChange{Binned: b} }

func takes(chatID, workbin string) store.BinChange {
	return store.BinChange{Binned: store.Binned{ChatID: chatID, Workbin: workbin}, Out: true}
}

func (f fixture) holds(workbin string, want ...store.Binned) {
	f.Helper()
	got, err := f.Bin(f.Context(), workbin)
	if err != nil {
		f.Fatal(err)
	}
	f.same(want, got)
}

func binOrder(f fixture) {
	f.holds("dana")
	var b store.Batch
	for _, c := range []store.Binned{binned("c3", "dana", 2), binned("c2", "dana", time.Hour), binned("c1", "omar", 0), binned("c0", "dana", 0)} {
		b.Bins = append(b.Bins, puts(c))
	}
	f.must(b)
	// At has whole microseconds: 2 ns are none.
	f.holds("dana", binned("c0", "dana", 0), binned("c3", "dana", 0), binned("c2", "dana", time.Hour))
	f.holds("omar", binned("c1", "omar", 0))
	f.holds("ines")
}

func binChanges(f fixture) {
	f.must(store.Batch{Bins: []store.BinChange{puts(binned("c0", "dana", 0)), puts(binned("c1", "dana", 0))}})
	f.must(store.Batch{Bins: []store.BinChange{puts(binned("c0", "omar", time.Second)), takes("c9", "dana"), takes("c1", "omar")}})
	f.holds("dana", binned("c1", "dana", 0))
	f.holds("omar", binned("c0", "omar", time.Second))
	f.must(store.Batch{Bins: []store.BinChange{takes("c1", "dana"), puts(binned("c1", "omar", 0)), takes("c0", "omar")}})
	f.holds("dana")
	f.holds("omar", binned("c1", "omar", 0))
}

// binFull: of many who put a chat each into a bin with room for three, three do.
func binFull(f fixture) {
	f.must(store.Batch{Bins: []store.BinChange{puts(binned("there", "dana", 0)), puts(binned("elsewhere", "omar", 0))}})
	errs := together(16, func(i int) error {
		_, err := f.Commit(f.Context(), store.Batch{
			Expect: []store.Expect{{Bin: "dana", Below: 4}},
			Bins:   []store.BinChange{puts(binned(string(rune('a'+i)), "dana", 0))},
		})
		return err
	})
	if won := countNil(f.T, errs, store.ErrConflict); won != 3 {
		f.Errorf("%d did", won)
	}
	if got, err := f.Bin(f.Context(), "dana"); err != nil || len(got) != 4 {
		f.Errorf("%d chats are in it, %v", len(got), err)
	}
}
