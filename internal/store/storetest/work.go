package storetest

import (
	"time"

	"github.com/halley-chat/halley/internal/store"
)

var workTests = []test{
	{"in the order in which they came", workOrder},
	{"enter, move, leave", workChanges},
	{"one of many takes it", workTaken},
}

func work(chatID, queue string, after time.Duration, priority int) store.Work {
	return store.Work{ChatID: chatID, Queue: queue, Since: start.Add(after), Priority: priority}
}

func (f fixture) waiting(want ...store.Work) {
	f.Helper()
	got, err := f.Waiting(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.same(want, got)
}

func workOrder(f fixture) {
	f.waiting()
	var b store.Batch
	for _, w := range []store.Work{work("c3", "sales", 2, 0), work("c2", "sales", time.Hour, 9), work("c1", "help", 2000, 0), work("c0", "sales", 2000, -4)} {
		b.Work = append(b.Work, store.WorkChange{Work: w})
	}
	f.must(b)
	// Since has whole microseconds: 2 ns are none.
	f.waiting(work("c3", "sales", 0, 0), work("c0", "sales", 2000, -4), work("c1", "help", 2000, 0), work("c2", "sales", time.Hour, 9))
}

func workChanges(f fixture) {
	enter := func(w store.Work) store.WorkChange { return store.WorkChange{Work: w} }
	leave := func(id string) store.WorkChange { return store.WorkChange{Work: store.Work{ChatID: id}, Leave: true} }
	f.must(store.Batch{Work: []store.WorkChange{enter(work("c0", "sales", 0, 1)), enter(work("c1", "sales", 0, 1))}})
	f.must(store.Batch{Work: []store.WorkChange{enter(work("c0", "help", time.Second, 2)), leave("c9")}})
	f.waiting(work("c1", "sales", 0, 1), work("c0", "help", time.Second, 2))
	f.must(store.Batch{Work: []store.WorkChange{leave("c0"), enter(work("c1", "a", 0, 0)), leave("c1"), enter(work("c1", "b", 0, 0))}})
	f.waiting(work("c1", "b", 0, 0))
	f.must(store.Batch{Work: []store.WorkChange{leave("c1")}})
	f.waiting()
}

// workTaken: what expects that a chat waits, and takes it, happens once, whoever else tries (architecture: the expectations are the fence).
func workTaken(f fixture) {
	f.must(store.Batch{Work: []store.WorkChange{{Work: work("c0", "sales", 0, 0)}}})
	errs := together(16, func(int) error {
		_, err := f.Commit(f.Context(), store.Batch{
			Expect: []store.Expect{{Work: "c0"}},
			Work:   []store.WorkChange{{Work: store.Work{ChatID: "c0"}, Leave: true}},
		})
		return err
	})
	if won := countNil(f.T, errs, store.ErrConflict); won != 1 {
		f.Errorf("%d took it", won)
	}
}
