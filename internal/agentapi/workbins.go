package agentapi

import (
	"maps"
	"slices"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/store"
)

// workbins answers GET /me/workbins: those that the agent sees (agent-api 6.9).
func (a *API) workbins(c *call) (answer, error) {
	var bins []workbin
	for _, b := range a.Desk.Workbins(c.user.ID) {
		bins = append(bins, a.workbinOf(b))
	}
	return list("workbins", bins, c.look())
}

// workbin answers GET /me/workbins/{id}: the chats in it, which come as resources even if fields is absent.
func (a *API) workbin(c *call) (answer, error) {
	bin, err := c.workbin()
	if err != nil {
		return nil, err
	}
	page := func(in []store.Binned) ([]store.Binned, error) { return paged(c, in) }
	aside, total, err := a.Desk.Aside(c.r.Context(), c.user.ID, bin.ID, page)
	if err != nil {
		return nil, err
	}
	l := c.look()
	l.fields.all = l.fields.all || l.fields.none()
	chats, err := list("chats", a.resources(aside), l)
	return append(answer{{"totalCount", total}, {"workbin", a.workbinOf(bin)}}, chats...), err
}

// workbinOperations do something with the chat named by the parameter id.
var workbinOperations = map[string]func(a *API, c *call, q request, workbin, chatID string) (desk.Receipt, error){
	"AddChat":        addChat,
	"AddInteraction": addChat,
	"PullChat": func(a *API, c *call, q request, workbin, chatID string) (desk.Receipt, error) {
		return a.Desk.Pull(c.r.Context(), c.user.ID, chatID, chat.PullChat{Workbin: workbin}, q.once)
	},
}

func addChat(a *API, c *call, q request, workbin, chatID string) (desk.Receipt, error) {
	last, err := q.parameters.flag("saveLAR")
	if err != nil {
		return desk.Receipt{}, err
	}
	return a.Desk.PutAside(c.r.Context(), c.user.ID, chatID, chat.AddChat{Workbin: workbin, SaveLAR: last}, q.once)
}

// operateWorkbin answers POST /me/workbins/{id}.
func (a *API) operateWorkbin(c *call) (answer, error) {
	q, err := c.request()
	if err != nil {
		return nil, err
	}
	operate := workbinOperations[q.operation]
	if operate == nil {
		return nil, errNoOperation(q.operation, slices.Sorted(maps.Keys(workbinOperations)))
	}
	bin, err := c.workbin()
	if err != nil {
		return nil, err
	}
	id, err := q.parameters.text("id")
	switch {
	case err != nil:
		return nil, err
	case id == "":
		return nil, refuse(chat.ErrMissing, "name the chat by id")
	case !isID(id):
		return nil, errNoChat
	}
	receipt, err := operate(a, c, q, bin.ID, id)
	if err != nil {
		return nil, withoutTrace(err)
	}
	return answer{{"referenceId", receipt.RefID}}, nil
}

// workbin finds the workbin that a call is about: that of the group named by agentGroup, else that of the id in the path.
func (c *call) workbin() (desk.Workbin, error) {
	id := c.r.PathValue("id")
	if name := c.r.URL.Query().Get("agentGroup"); name != "" {
		id = "" // nobody's
		if g := c.api.Directory.GroupByName(name); g != nil {
			id = g.ID
		}
	}
	return c.api.Desk.Workbin(c.user.ID, id)
}

func (a *API) workbinOf(b desk.Workbin) workbin {
	// It is served at this address only, so this is its path as well.
	path := "/me/workbins/" + b.ID
	return workbin{ID: b.ID, Name: b.Name, URI: a.Encoder.uri(path), Path: path}
}
