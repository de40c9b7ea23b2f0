package desk

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/halley-chat/halley/internal/store"
)

// The subjects of the bus. A lost message costs a moment, never data: who reads the store finds what it was about.
const (
	subjectFeed     = "feed."         // + subscriber; the feed's head in decimal
	subjectDispatch = "dispatch.wake" // something may be offered now
)

const agentSubscriber = "agent:"

// Subscriber names a user's feed in the store.
func Subscriber(userID string) string { return agentSubscriber + userID }

// Head returns the number of the last notification in the user's feed.
func (d *Desk) Head(ctx context.Context, userID string) (int64, error) {
	heads, err := d.Store.Heads(ctx, []string{Subscriber(userID)})
	if err != nil {
		return 0, fmt.Errorf("read the head of a feed: %w", err)
	}
	return heads[Subscriber(userID)], nil
}

// Feed returns the user's notifications numbered above after, in order, at most limit.
func (d *Desk) Feed(ctx context.Context, userID string, after int64, limit int) ([]store.Notification, error) {
	rows, err := d.Store.Feed(ctx, Subscriber(userID), after, limit)
	if err != nil {
		return nil, fmt.Errorf("read a feed: %w", err)
	}
	return rows, nil
}

// growFeeds tells every node how far the feeds have grown, but that of the user hush.
func (d *Desk) growFeeds(written []store.Notification, hush string) {
	heads := map[string]int64{}
	for _, n := range written {
		heads[n.Subscriber] = max(heads[n.Subscriber], n.N)
	}
	delete(heads, Subscriber(hush))
	for s, head := range heads {
		d.Bus.Publish(subjectFeed+s, strconv.AppendInt(nil, head, 10))
	}
}

// announceFeed tells every node how far one user's feed has grown.
func (d *Desk) announceFeed(ctx context.Context, userID string) {
	if head, err := d.Head(context.WithoutCancel(ctx), userID); err == nil {
		d.Bus.Publish(subjectFeed+Subscriber(userID), strconv.AppendInt(nil, head, 10))
	}
}

// listen hears what this and other nodes have committed.
func (d *Desk) listen() (stop func(), err error) {
	stopFeed, err := d.Bus.Subscribe(subjectFeed+"*", func(subject string, data []byte) {
		user, ok := strings.CutPrefix(subject, subjectFeed+agentSubscriber)
		head, err := strconv.ParseInt(string(data), 10, 64)
		if !ok || err != nil {
			d.Logger.Warn("not a feed hint", "subject", subject)
			return
		}
		d.watch(user, head)
	})
	if err != nil {
		return nil, err
	}
	stopDispatch, err := d.Bus.Subscribe(subjectDispatch, func(string, []byte) { nudge(d.wakeDispatcher) })
	if err != nil {
		stopFeed()
		return nil, err
	}
	return func() { stopFeed(); stopDispatch() }, nil
}
