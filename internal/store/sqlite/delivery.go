package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/store"
)

// Deliveries implements [store.Store]. It is one statement, so that a session is there with all that belongs to it, or not at all.
func (s *Store) Deliveries(ctx context.Context, subscriber string, since, until time.Time, after, to int64) ([]store.SessionRecord, error) {
	records, err := collect(ctx, s.reads.deliveries, func(scan func(...any) error) (r store.SessionRecord, err error) {
		var begun int64
		var expires, ended sql.Null[int64]
		var subscriptions, deliveries []byte
		if err := scan(&r.Handle, &begun, &expires, &ended, &r.Place.Turn, &r.Place.Confirmed, &subscriptions, &deliveries); err != nil {
			return r, err
		}
		r.Begun, r.Expires, r.Ended = instant(begun), instantOrNone(expires), instantOrNone(ended)
		if r.Subscriptions, err = decodeSubscriptions(subscriptions); err != nil {
			return r, fmt.Errorf("decode the subscriptions of a session: %w", err)
		}
		if r.Steps, err = decodeDeliveries(deliveries); err != nil {
			return r, fmt.Errorf("decode the deliveries to a session: %w", err)
		}
		r.Steps = slices.DeleteFunc(r.Steps, func(s store.Step) bool { return s.To <= after || s.After >= to })
		slices.SortStableFunc(r.Steps, func(a, b store.Step) int { return a.At.Compare(b.At) })
		return r, nil
	}, subscriber, since.UnixMicro(), until.UnixMicro(), after, to)
	if err != nil {
		return nil, s.failed("read deliveries", err)
	}
	return records, nil
}

func decodeSubscriptions(list []byte) ([]store.Subscription, error) {
	var rows []struct {
		Channel string `json:"channel"`
		After   int64  `json:"after"`
		Until   *int64 `json:"until"`
	}
	if err := json.Unmarshal(list, &rows); err != nil {
		return nil, err
	}
	subscriptions := make([]store.Subscription, len(rows))
	for i, r := range rows {
		subscriptions[i] = store.Subscription{Channel: r.Channel, After: r.After}
		if r.Until != nil {
			subscriptions[i].Until = instant(*r.Until)
		}
	}
	return subscriptions, nil
}

// noted is a row of the table of deliveries, without its session.
type noted struct {
	At    int64          `json:"at"`    // the earliest
	After int64          `json:"after"` // the lowest
	UpTo  int64          `json:"-"`     // the highest
	Steps jsontext.Value `json:"steps"` // [[kind, transport, after, to, at], ...], counted from After and At: most of what is kept of a busy server are steps
}

func encodeSteps(steps []store.Step) (noted, error) {
	if len(steps) == 0 {
		return noted{}, nil
	}
	n := noted{At: steps[0].At.UnixMicro(), After: steps[0].After, UpTo: steps[0].To}
	for _, s := range steps[1:] {
		n.At, n.After, n.UpTo = min(n.At, s.At.UnixMicro()), min(n.After, s.After), max(n.UpTo, s.To)
	}
	rows := make([][5]any, len(steps))
	for i, s := range steps {
		rows[i] = [5]any{s.Kind, s.Transport, s.After - n.After, s.To - n.After, s.At.UnixMicro() - n.At}
	}
	var err error
	n.Steps, err = json.Marshal(rows)
	return n, err
}

func decodeDeliveries(list []byte) (steps []store.Step, err error) {
	var deliveries []noted
	if err := json.Unmarshal(list, &deliveries); err != nil {
		return nil, err
	}
	for _, d := range deliveries {
		var rows [][5]jsontext.Value
		if err := json.Unmarshal(d.Steps, &rows); err != nil {
			return nil, err
		}
		for _, row := range rows {
			var s store.Step
			var after, to, at int64
			for i, v := range []any{&s.Kind, &s.Transport, &after, &to, &at} {
				if err := json.Unmarshal(row[i], v); err != nil {
					return nil, err
				}
			}
			s.After, s.To, s.At = d.After+after, d.After+to, instant(d.At+at)
			steps = append(steps, s)
		}
	}
	return steps, nil
}
