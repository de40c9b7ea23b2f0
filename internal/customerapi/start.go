package customerapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
)

// defaultEndpoint is what a client may name as endpoint: it stands for the service's own queue. [2.1, 5.1]
const defaultEndpoint = "Environment:default"

// start requests a chat. The limits of names and texts are the chat's own. [2.1]
func (a *API) start(w http.ResponseWriter, r *http.Request, service *directory.Service) (envelope, error) {
	if client := clientAddress(r); !a.free(client) {
		if wait := a.starts.admit(household(client), time.Now()); wait > 0 {
			return envelope{}, tooFast{wait: wait, code: codeNoNewChat}
		}
	}
	f, err := readForm(w, r, a.settings.MaxBody)
	if err != nil {
		return envelope{}, err
	}
	wish, problems := wishOf(f, service)
	if len(problems) > 0 {
		return envelope{}, problems
	}
	data := dataOf(f)
	a.logIgnored(data.ignored, service, "")
	wish.UserData = data.userData()
	cc, err := a.desk.StartChat(r.Context(), wish)
	if err != nil {
		return envelope{}, err
	}
	return a.envelope(r.Context(), cc, span{from: 1})
}

// wishOf reads what a request for a chat asks for, apart from the data, or everything that is wrong with it.
func wishOf(f form, service *directory.Service) (desk.StartChat, invalid) {
	nickname, problems := nicknameOf(f)
	demand := func(field string, code int, advice string) {
		missing := slices.Contains(service.RequiredFields, field) && blank(f.get(field))
		told := slices.ContainsFunc(problems, func(p problem) bool { return p.Code == code })
		if missing && !told {
			problems = append(problems, newProblem(code, advice))
		}
	}
	demand("firstName", codeFirstName, "firstName is needed")
	demand("lastName", codeLastName, "lastName is needed")
	demand("subject", codeSubject, "subject is needed")
	demand("emailAddress", codeEmail, "emailAddress is needed")
	if email := f.get("emailAddress"); !blank(email) && !isEmail(email) {
		problems = append(problems, newProblem(codeInvalidEmail, "emailAddress must be of the form x@y"))
	}
	if e := f.get("endpoint"); e != "" && e != defaultEndpoint {
		problems = append(problems, newProblem(codeNoNewChat, "this endpoint is unknown or not allowed; leave it out"))
	}
	return desk.StartChat{Service: service, Nickname: nickname, Text: f.get("text")}, problems
}

// dataOf is what the customer attaches to her chat: what she has told about herself under the names that agents know, then her userData. [2.1]
func dataOf(f form) attachedData {
	var own attachedData
	for _, p := range []struct{ key, parameter string }{
		{"FirstName", "firstName"}, {"LastName", "lastName"}, {"EmailAddress", "emailAddress"}, {"Subject", "subject"},
	} {
		if v := f.get(p.parameter); v != "" {
			own.set(p.key, v)
		}
	}
	return own.over(f.data)
}

// nicknameOf is the name shown in the chat: nickname, or first and last name. [2.1]
func nicknameOf(f form) (string, invalid) {
	nickname, first, last := f.get("nickname"), f.get("firstName"), f.get("lastName")
	switch {
	case !blank(nickname):
	case blank(first) && blank(last):
		return "", invalid{newProblem(codeName, "nickname, or firstName and lastName, are needed")}
	case blank(first):
		return "", invalid{newProblem(codeFirstName, "firstName is needed beside lastName, or a nickname")}
	case blank(last):
		return "", invalid{newProblem(codeLastName, "lastName is needed beside firstName, or a nickname")}
	default:
		nickname = first + " " + last
	}
	return nickname, nil
}

// isEmail checks no more than the form x@y. [2.1]
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1 && !strings.ContainsAny(s, " \t\r\n")
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
