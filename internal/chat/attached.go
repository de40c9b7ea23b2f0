package chat

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// setData attaches or updates user data: both set the given keys and leave the others (agent-api 4.12).
func (d *draft) setData(data UserData) error {
	set, err := data.checked(d.UserData)
	if err != nil {
		return err
	}
	d.add(DataChanged{Set: set, RefID: d.refID})
	return nil
}

// deleteData removes keys; unknown ones are ignored. That it was done is told even if there was nothing to remove.
func (d *draft) deleteData(keys []string) error {
	if len(keys) == 0 {
		return Refuse(ErrMissing, "keys needs at least one key")
	}
	var known []string
	for _, k := range keys {
		if err := within("a key", k, MaxKey); err != nil {
			return err
		}
		if _, ok := d.UserData[k]; ok && !slices.Contains(known, k) {
			known = append(known, k)
		}
	}
	d.add(DataChanged{Deleted: known, RefID: d.refID})
	return nil
}

// setDisposition is a piece of user data under a key that sites agree on.
func (d *draft) setDisposition(a SetDisposition) error {
	if err := needed("disposition", a.Disposition, MaxDisposition); err != nil {
		return err
	}
	if err := needed("dispositionKey", a.Key, MaxKey); err != nil {
		return err
	}
	value, err := jsontext.AppendQuote(nil, a.Disposition)
	if err != nil {
		return Refuse(ErrInvalid, "disposition is not valid text")
	}
	return d.setData(UserData{a.Key: value})
}
