package adminapi

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
	// A search for one chat reads the feed in stretches, and so many of its notifications at most.
	stretch   = 1000
	maxSearch = 10_000
)

// deliveryList is the answer of GET /api/admin/agents/{id}/deliveries.
type deliveryList struct {
	StatusCode int `json:"statusCode"`
	Agent      struct {
		ID       string `json:"id"`
		UserName string `json:"userName"`
	} `json:"agent"`
	Notifications []notification `json:"notifications"`
	Before        int64          `json:"before,omitzero"` // where the next page begins; absent: there is none
}

// notification is one entry of an agent's feed, and what became of it. What it says is not told.
type notification struct {
	Number           int64      `json:"number"`
	Topic            string     `json:"topic"`
	MessageType      string     `json:"messageType,omitzero"`
	NotificationType string     `json:"notificationType,omitzero"`
	ChatID           string     `json:"chatId,omitzero"`
	Queued           time.Time  `json:"queued"`
	Sessions         []delivery `json:"sessions"` // those that subscribed to it, in the order in which they began
}

// deliveries answers "did the desktop get it?": an agent's notifications, newest first, each with what became of it in each of her CometD sessions.
func (a *API) deliveries(r *http.Request) (any, error) {
	u := a.Directory.User(r.PathValue("id"))
	if u == nil {
		u = a.Directory.UserByName(r.PathValue("id"))
	}
	if u == nil {
		return nil, errNoAgent
	}
	q, err := readQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	var list deliveryList
	list.Agent.ID, list.Agent.UserName = u.ID, u.Name
	if list.Notifications, list.Before, err = a.search(r.Context(), u, q); err != nil {
		return nil, err
	}
	return list, a.addSessions(r.Context(), u, list.Notifications)
}

// query is what is asked of a feed.
type query struct {
	before int64
	limit  int
	chatID string
}

func readQuery(values url.Values) (query, error) {
	q := query{before: math.MaxInt64, limit: defaultLimit, chatID: values.Get("chatId")}
	if v := values.Get("before"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 1 {
			return q, invalid("before: give the number of a notification; those before it are listed")
		}
		q.before = n
	}
	if v := values.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxLimit {
			return q, invalid(fmt.Sprintf("limit: give a number of notifications from 1 to %d", maxLimit))
		}
		q.limit = n
	}
	for name := range values {
		if !slices.Contains([]string{"before", "limit", "chatId"}, name) {
			return q, invalid("the parameters are before, limit and chatId")
		}
	}
	return q, nil
}

// search returns the newest notifications that are asked for, newest first, and before which number to go on.
// Feeds are read upwards; their numbers have no gaps.
func (a *API) search(ctx context.Context, u *directory.User, q query) (found []notification, before int64, err error) {
	heads, err := a.Store.Heads(ctx, []string{desk.Subscriber(u.ID)})
	if err != nil {
		return nil, 0, err
	}
	found = []notification{}
	step := stretch
	if q.chatID == "" {
		step = q.limit
	}
	to := min(q.before-1, heads[desk.Subscriber(u.ID)])
	for searched := 0; searched < maxSearch; searched += step {
		rows, err := a.Store.Feed(ctx, desk.Subscriber(u.ID), to-int64(step), step)
		if err != nil {
			return nil, 0, err
		}
		for _, row := range slices.Backward(rows) {
			if row.N > to {
				continue // those asked for are gone, and these came after them
			}
			if n := describe(row); q.chatID == "" || n.ChatID == q.chatID {
				if len(found) == q.limit {
					return found, found[q.limit-1].Number, nil
				}
				found = append(found, n)
			}
		}
		if len(rows) == 0 || rows[0].N != to-int64(step)+1 { // there are none before
			return found, 0, nil
		}
		to -= int64(step)
	}
	return found, to + 1, nil
}

// describe says what a row of a feed is about, as far as everybody may know.
func describe(row store.Notification) notification {
	var data struct {
		MessageType      string `json:"messageType"`
		NotificationType string `json:"notificationType"`
		ChatPath         string `json:"chatPath"`
		Chat             struct {
			ID string `json:"id"`
		} `json:"chat"`
	}
	// What is no object of this shape is about nothing that is told.
	_ = json.Unmarshal(row.Data, &data)
	n := notification{
		Number: row.N, Topic: row.Topic, MessageType: data.MessageType, NotificationType: data.NotificationType, ChatID: data.Chat.ID,
		Queued: row.At, Sessions: []delivery{},
	}
	if n.ChatID == "" {
		n.ChatID = strings.TrimPrefix(data.ChatPath, "/chats/")
	}
	return n
}

// addSessions tells of each notification what became of it. They are sorted, the newest first.
func (a *API) addSessions(ctx context.Context, u *directory.User, list []notification) error {
	if len(list) == 0 {
		return nil
	}
	newest, oldest := list[0], list[len(list)-1]
	now := time.Now()
	records, err := a.Store.Deliveries(ctx, desk.Subscriber(u.ID), oldest.Queued, now, oldest.Number-1, newest.Number)
	if err != nil {
		return err
	}
	for _, r := range records {
		s := newSession(r, now)
		for i := range list {
			if d, concerned := s.delivery(list[i]); concerned {
				list[i].Sessions = append(list[i].Sessions, d)
			}
		}
	}
	return nil
}
