package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// MaxBinned is how many chats a workbin holds.
const MaxBinned = 1000

// Workbin is where chats are put aside (agent-api 6.9). Each user has one, and so has each group, for its members.
type Workbin struct {
	ID    string // that of the user or of the group
	Name  string
	users []string // ids of those who see it
}

// WorkbinChange is what those are told who see a workbin.
type WorkbinChange struct {
	Workbin string        // id
	Added   bool          // else the chat was removed
	Chat    chat.Resource // as it is for nobody in particular
	RefID   int64         // of the request, for whoever made it; 0: none
}

// Workbins returns the workbins that a user sees: her own, then those of her groups.
func (d *Desk) Workbins(userID string) []Workbin {
	bins := []Workbin{personalBin(userID)}
	for _, g := range d.Directory.GroupsOf(userID) {
		bins = append(bins, groupBin(g))
	}
	return bins
}

// Workbin returns one of them; chat.ErrNotFound if there is none of this id that the user sees.
func (d *Desk) Workbin(userID, id string) (Workbin, error) {
	bins := d.Workbins(userID)
	if i := slices.IndexFunc(bins, func(b Workbin) bool { return b.ID == id }); i >= 0 {
		return bins[i], nil
	}
	return Workbin{}, chat.Refuse(chat.ErrNotFound, "there is no such workbin")
}

func personalBin(userID string) Workbin {
	return Workbin{ID: userID, Name: "My workbin", users: []string{userID}}
}

func groupBin(g *directory.Group) Workbin { return Workbin{ID: g.ID, Name: g.Name, users: g.Users} }

// Page picks those of a workbin's chats that are to be shown.
type Page func([]store.Binned) ([]store.Binned, error)

// Aside returns the chats in one of the user's workbins, in the order in which they came, as far as they are on the page; and how many there are in all.
// Errors as Workbin, and those of page.
func (d *Desk) Aside(ctx context.Context, userID, workbin string, page Page) (chats []chat.Resource, total int, err error) {
	if _, err := d.Workbin(userID, workbin); err != nil {
		return nil, 0, err
	}
	in, err := d.Store.Bin(ctx, workbin)
	if err != nil {
		return nil, 0, fmt.Errorf("read a workbin: %w", err)
	}
	shown, err := page(in)
	if err != nil {
		return nil, 0, err
	}
	for _, b := range shown {
		h, err := d.chat(ctx, b.ChatID)
		if err != nil {
			return nil, 0, err
		}
		chats = append(chats, h.state.Aside())
	}
	return chats, len(in), nil
}

// PutAside puts a chat that is the user's into one of her workbins (agent-api 6.9). Errors as Workbin and Operate; chat.ErrState also if the workbin is full.
func (d *Desk) PutAside(ctx context.Context, userID, chatID string, a chat.AddChat, once *Once) (Receipt, error) {
	return d.moveAside(ctx, userID, a.Workbin, order{chatID: chatID, action: a, once: once})
}

// Pull takes a chat out of one of her workbins, for her to wrap up. chat.ErrNotFound if it is not in there: somebody else may have been faster.
func (d *Desk) Pull(ctx context.Context, userID, chatID string, a chat.PullChat, once *Once) (Receipt, error) {
	return d.moveAside(ctx, userID, a.Workbin, order{chatID: chatID, action: a, once: once, admit: d.attends(userID)})
}

func (d *Desk) moveAside(ctx context.Context, userID, workbin string, o order) (Receipt, error) {
	if _, err := d.Workbin(userID, workbin); err != nil {
		return Receipt{}, err
	}
	o.actor, o.refers = chat.Actor{Kind: chat.ByAgent, UserID: userID}, true
	_, receipt, err := d.run(ctx, o)
	return receipt, err
}

// binChanges adds to a batch what becomes of workbins, and tells those who see them.
func (d *Desk) binChanges(ctx context.Context, b *store.Batch, events []chat.Event, after chat.State, at time.Time) error {
	for _, e := range events {
		switch body := e.Body.(type) {
		case chat.Binned:
			in, err := d.Store.Bin(ctx, body.Workbin)
			if err != nil {
				return fmt.Errorf("read a workbin: %w", err)
			}
			if len(in) >= MaxBinned {
				return chat.Refuse(chat.ErrState, "the workbin is full: it holds %d chats", len(in))
			}
			b.Expect = append(slices.Clip(b.Expect), store.Expect{Bin: body.Workbin, Below: MaxBinned})
			b.Bins = append(b.Bins, store.BinChange{Binned: store.Binned{Workbin: body.Workbin, ChatID: e.ChatID, By: body.By, At: e.At}})
			if err := d.tellBin(b, WorkbinChange{Workbin: body.Workbin, Added: true, Chat: after.Aside(), RefID: body.RefID}, body.By, at); err != nil {
				return err
			}
		case chat.Unbinned:
			b.Bins = append(b.Bins, store.BinChange{Binned: store.Binned{Workbin: body.Workbin, ChatID: e.ChatID}, Out: true})
			if err := d.tellBin(b, WorkbinChange{Workbin: body.Workbin, Chat: after.Aside(), RefID: body.RefID}, body.By, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellBin tells of a change all who see the workbin. The referenceId is for whoever made the change alone (agent-api 1.6).
func (d *Desk) tellBin(b *store.Batch, c WorkbinChange, by string, at time.Time) error {
	topic, mine, err := d.Encoder.Workbin(c)
	if err != nil {
		return fmt.Errorf("encode a change of workbin %s: %w", c.Workbin, err)
	}
	c.RefID = 0
	_, others, err := d.Encoder.Workbin(c)
	if err != nil {
		return fmt.Errorf("encode a change of workbin %s: %w", c.Workbin, err)
	}
	bin, err := d.Workbin(by, c.Workbin)
	if err != nil {
		return err
	}
	for _, userID := range bin.users {
		data := others
		if userID == by {
			data = mine
		}
		b.Notifications = append(b.Notifications, store.Notification{Subscriber: Subscriber(userID), Topic: topic, Data: data, At: at})
	}
	return nil
}
