package storetest

import (
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

var countTests = []test{
	{"chats in each phase", counts},
}

func counts(f fixture) {
	check := func(want map[chat.Phase]int) {
		f.Helper()
		got, err := f.Counts(f.Context())
		if err != nil {
			f.Fatal(err)
		}
		f.same(want, got)
	}
	put := func(id string, seq int64, phase chat.Phase) store.Batch {
		b := note(id, seq, 1)
		b.Chats[0].Phase = phase
		return b
	}
	check(map[chat.Phase]int{})
	for _, id := range chatIDs(5) {
		f.must(put(id, 1, chat.Waiting))
	}
	check(map[chat.Phase]int{chat.Waiting: 5})
	f.must(put("c0", 2, chat.Active))
	f.must(put("c0", 3, chat.Active))
	f.must(put("c1", 2, chat.Finished))
	check(map[chat.Phase]int{chat.Waiting: 3, chat.Active: 1, chat.Finished: 1})
	f.refuse(put("c2", 5, chat.Finished), store.ErrConflict)
	check(map[chat.Phase]int{chat.Waiting: 3, chat.Active: 1, chat.Finished: 1})
	f.must(put("c0", 4, chat.Finished))
	check(map[chat.Phase]int{chat.Waiting: 3, chat.Finished: 2})
}
