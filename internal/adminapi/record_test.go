package adminapi

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halley-chat/halley/internal/store"
)

// What is told of a notification is what its session's steps say, for those that the session subscribed to.
func TestDelivery(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return time.Date(2026, 1, 2, 3, minutes, 0, 0, time.UTC) }
	step := func(kind string, after, to int64, minutes int) store.Step {
		return store.Step{Kind: kind, After: after, To: to, At: at(minutes), Transport: "long-polling"}
	}
	chats := []store.Subscription{{Channel: "/v2/me/*", After: 5}}
	for name, tt := range map[string]struct {
		record store.SessionRecord
		want   delivery // without what is the same in all
		none   bool
	}{
		"confirmed": {
			record: store.SessionRecord{Subscriptions: chats, Steps: []store.Step{step("pushed", 8, 12, 11), step("confirmed", 8, 12, 12)}},
			want:   delivery{State: confirmed, Transport: "long-polling", Pushed: at(11), Pushes: 1, Confirmed: at(12)},
		},
		"lost, pushed again, confirmed": {
			record: store.SessionRecord{Subscriptions: chats, Steps: []store.Step{
				step("pushed", 8, 12, 11), step("lost", 8, 12, 13), step("pushed", 8, 20, 14), step("confirmed", 9, 30, 15),
			}},
			want: delivery{State: confirmed, Transport: "long-polling", Pushed: at(11), Pushes: 2, Lost: at(13), Confirmed: at(15)},
		},
		"a replay after it arrived": {
			record: store.SessionRecord{Subscriptions: chats, Steps: []store.Step{
				step("pushed", 8, 12, 11), step("confirmed", 8, 12, 12), step("pushed", 5, 12, 14), step("lost", 5, 12, 15), step("confirmed", 5, 12, 16),
			}},
			want: delivery{State: confirmed, Transport: "long-polling", Pushed: at(11), Pushes: 2, Lost: at(15), Confirmed: at(12)},
		},
		"on its way": {
			record: store.SessionRecord{Subscriptions: chats, Steps: []store.Step{step("pushed", 9, 10, 11)}},
			want:   delivery{State: pushed, Transport: "long-polling", Pushed: at(11), Pushes: 1},
		},
		"lost": {
			record: store.SessionRecord{Subscriptions: chats, Steps: []store.Step{step("pushed", 9, 10, 11), step("lost", 9, 10, 12)}},
			want:   delivery{State: lost, Transport: "long-polling", Pushed: at(11), Pushes: 1, Lost: at(12)},
		},
		"a crash took the push from the record": {
			record: store.SessionRecord{Subscriptions: chats, Steps: []store.Step{step("confirmed", 9, 10, 12)}},
			want:   delivery{State: confirmed, Transport: "long-polling", Confirmed: at(12)},
		},
		"steps of others":     {record: store.SessionRecord{Subscriptions: chats, Steps: []store.Step{step("pushed", 10, 12, 11), step("pushed", 5, 9, 11)}}, want: delivery{State: pending}},
		"nobody came":         {record: store.SessionRecord{Subscriptions: chats}, want: delivery{State: pending}},
		"nobody came in time": {record: store.SessionRecord{Subscriptions: chats, Ended: at(20)}, want: delivery{State: missed, Ended: at(20)}},
		"expired, and nobody has noted it": {
			record: store.SessionRecord{Subscriptions: chats, Expires: at(30), Steps: []store.Step{step("pushed", 9, 10, 11), step("lost", 9, 10, 12)}},
			want:   delivery{State: missed, Transport: "long-polling", Pushed: at(11), Pushes: 1, Lost: at(12), Ended: at(30)},
		},
		"parked":               {record: store.SessionRecord{Subscriptions: chats, Expires: at(50)}, want: delivery{State: pending}},
		"ended before":         {record: store.SessionRecord{Subscriptions: chats, Ended: at(9)}, none: true},
		"subscribed to others": {record: store.SessionRecord{Subscriptions: []store.Subscription{{Channel: "/v2/*"}}, Steps: []store.Step{step("pushed", 9, 10, 11)}}, none: true},
		"subscribed later":     {record: store.SessionRecord{Subscriptions: []store.Subscription{{Channel: "/**", After: 10}}, Steps: []store.Step{step("pushed", 9, 10, 11)}}, none: true},
		"unsubscribed before":  {record: store.SessionRecord{Subscriptions: []store.Subscription{{Channel: "/**", Until: at(9)}}, Steps: []store.Step{step("pushed", 9, 10, 11)}}, none: true},
		"unsubscribed afterwards": {
			record: store.SessionRecord{Subscriptions: []store.Subscription{{Channel: "/v2/me/chats", Until: at(12)}}, Ended: at(13), Steps: []store.Step{
				step("pushed", 9, 10, 11), step("pushed", 9, 10, 14), step("confirmed", 9, 10, 15),
			}},
			want: delivery{State: pushed, Transport: "long-polling", Pushed: at(11), Pushes: 1, Ended: at(13)},
		},
		"unsubscribed meanwhile": {record: store.SessionRecord{Subscriptions: []store.Subscription{{Channel: "/**", Until: at(11)}}}, want: delivery{State: missed}},
		"a client that went back for it (RP-2)": {
			record: store.SessionRecord{Begun: at(30), Subscriptions: chats, Steps: []store.Step{step("pushed", 5, 10, 31)}},
			want:   delivery{State: pushed, Transport: "long-polling", Pushed: at(31), Pushes: 1},
		},
	} {
		tt.record.Handle = "h"
		got, concerned := newSession(tt.record, at(40)).delivery(notification{Number: 10, Topic: "/v2/me/chats", Queued: at(10)})
		if concerned == tt.none {
			t.Errorf("%s: concerned is %t", name, concerned)
			continue
		}
		if tt.want.Session = "h"; tt.none {
			continue
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: want (-), got (+):\n%s", name, d)
		}
	}
}
