package described

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Exchange is a request and its answer.
type Exchange struct {
	Method string
	URL    *url.URL
	Asked  []byte // body of the request, as far as it was read
	Status int
	Header http.Header // of the answer
	Body   []byte
}

// Answer says what of an exchange is not as described; nil if all is. What was done must have been asked for as described, too: an operation or a parameter
// that works is described.
func (d *Description) Answer(x Exchange) error {
	a, ok := d.find(x.URL.EscapedPath())
	if !ok {
		return d.undescribed(x, http.StatusNotFound, "no such address is described")
	}
	method := x.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	item := a.item
	if s := x.URL.Query()["fields"]; len(s) == 0 || slices.Contains(s, "*") {
		item = a.whole
	}
	op := item.GetOperation(method)
	if op == nil {
		return d.undescribed(x, http.StatusMethodNotAllowed, "this method is not described for "+a.path)
	}
	response := op.Responses.Status(x.Status)
	if rest := op.Responses.Default(); response == nil && rest != nil && lists(rest.Value, x.Status) {
		response = rest
	}
	if response == nil {
		return fmt.Errorf("HTTP %d is not described for %s %s", x.Status, method, a.path)
	}
	for name, header := range response.Value.Headers {
		if header.Value.Required && x.Header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	if x.Method == http.MethodHead {
		return nil
	}
	decoded, err := d.body(x, response.Value.Content)
	if err != nil {
		return err
	}
	if answer, ok := decoded.(map[string]any); ok && x.Status == http.StatusOK && answer["statusCode"] == json.Number("0") && strings.HasPrefix(a.path, "/api/") {
		return asked(x, item, op)
	}
	return nil
}

// body compares the body of an answer with what it may be, and returns it decoded if it is JSON.
func (d *Description) body(x Exchange, content openapi3.Content) (any, error) {
	if len(content) == 0 {
		if len(x.Body) > 0 {
			return nil, fmt.Errorf("HTTP %d should have no body", x.Status)
		}
		return nil, nil
	}
	kind, _, err := mime.ParseMediaType(x.Header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("Content-Type %q: %w", x.Header.Get("Content-Type"), err)
	}
	described := content[kind]
	if described == nil {
		return nil, fmt.Errorf("Content-Type %s is not described", kind)
	}
	if kind != "application/json" {
		return nil, nil
	}
	return fits(x.Body, described.Schema.Value)
}

// asked compares a request that was carried out with what may be asked. Properties that are null count as absent (agent-api 1.4).
func asked(x Exchange, item *openapi3.PathItem, op *openapi3.Operation) error {
	for name := range x.URL.Query() {
		if !slices.ContainsFunc(slices.Concat(item.Parameters, op.Parameters), func(p *openapi3.ParameterRef) bool {
			return p.Value.In == openapi3.ParameterInQuery && p.Value.Name == name
		}) {
			return fmt.Errorf("the request was carried out, and its parameter %s is not described", name)
		}
	}
	if x.Method != http.MethodPost {
		return nil
	}
	if op.RequestBody == nil {
		return errors.New("the request was carried out, and what it may ask for is not described")
	}
	if len(x.Asked) == 0 && !op.RequestBody.Value.Required {
		return nil
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(x.Asked, &body); err != nil {
		return fmt.Errorf("the request was carried out, and its body is no JSON object: %w", err)
	}
	for name, value := range body {
		if string(bytes.TrimSpace(value)) == "null" {
			delete(body, name)
		}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if _, err := fits(raw, op.RequestBody.Value.Content["application/json"].Schema.Value); err != nil {
		return fmt.Errorf("the request was carried out, and is not described: %w", err)
	}
	return nil
}

// undescribed judges the answer of an address, or to a method, that is not described: it must be the refusal of the API below which it is.
func (d *Description) undescribed(x Exchange, usual int, why string) error {
	path := x.URL.Path
	if x.Method == http.MethodOptions && x.Status == http.StatusNoContent && len(x.Body) == 0 { // a preflight
		return nil
	}
	customers := below(path, "/genesys")
	if x.Status < http.StatusBadRequest {
		return fmt.Errorf("HTTP %d, but %s", x.Status, why)
	}
	// Who asks, and whether the server can answer at all, may be looked at first.
	statuses := []int{usual, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if customers {
		statuses = []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusInternalServerError}
	}
	if !slices.Contains(statuses, x.Status) {
		return fmt.Errorf("HTTP %d, and %s", x.Status, why)
	}
	if x.Method == http.MethodHead {
		return nil
	}
	shape := "Error"
	switch {
	case customers:
		shape = "CustomerFailure"
	case !below(path, "/api") && !below(path, "/internal-api"):
		return nil // a line of text
	}
	_, err := fits(x.Body, d.schemas[shape].Value)
	return err
}

// Notification says what of a notification is not as described; nil if all is.
func (d *Description) Notification(topic string, data []byte) error {
	messages, ok := d.topics[topic]
	if !ok {
		return fmt.Errorf("topic %s is not described", topic)
	}
	var kind struct {
		MessageType      string `json:"messageType"`
		NotificationType string `json:"notificationType"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return fmt.Errorf("not a JSON object: %w", err)
	}
	i := slices.IndexFunc(messages, func(m message) bool {
		return m.messageType == kind.MessageType && (m.notificationType == "" || m.notificationType == kind.NotificationType)
	})
	if i < 0 {
		return fmt.Errorf("topic %s has no message with messageType %q and notificationType %q", topic, kind.MessageType, kind.NotificationType)
	}
	if _, err := fits(data, messages[i].payload); err != nil {
		return fmt.Errorf("%s on %s: %w", messages[i].name, topic, err)
	}
	return nil
}

// fits decodes JSON and compares it with a schema.
func fits(raw []byte, schema *openapi3.Schema) (any, error) {
	var value any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // customers' attributes may have numbers that nobody can compute with
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return value, told(schema.VisitJSON(value, openapi3.DisableSchemaErrorDetails()))
}

// told says where in a document something is wrong.
func told(err error) error {
	var wrong *openapi3.SchemaError
	if !errors.As(err, &wrong) {
		return err
	}
	return fmt.Errorf("at /%s: %w", strings.Join(wrong.JSONPointer(), "/"), err)
}

// lists says whether a default answer is for a status: x-statuses names them.
func lists(r *openapi3.Response, status int) bool {
	list, _ := r.Extensions["x-statuses"].([]any)
	return slices.ContainsFunc(list, func(v any) bool { return fmt.Sprint(v) == strconv.Itoa(status) })
}

// find returns the address that a path belongs to: of several, the one with the most words of its own.
func (d *Description) find(escaped string) (best address, ok bool) {
	parts := segments(escaped)
	most := -1
	for _, a := range d.addresses {
		if n, fits := a.match(parts); fits && n > most {
			best, most = a, n
		}
	}
	return best, most >= 0
}

func (a address) match(parts []string) (literal int, ok bool) {
	if len(parts) != len(a.segments) {
		return 0, false
	}
	for i, s := range a.segments {
		switch {
		case s == parts[i]:
			literal++
		case !strings.HasPrefix(s, "{") || parts[i] == "":
			return 0, false
		}
	}
	return literal, true
}

// segments cuts a path into its parts. For agents a slash at the end does not count, for customers a double one neither (agent-api 1.2, customer-api 1.2).
func segments(path string) []string {
	parts := strings.Split(path, "/")
	switch {
	case below(path, "/genesys"):
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	case below(path, "/api"), below(path, "/internal-api"):
		parts = strings.Split(strings.TrimRight(path, "/"), "/")
	}
	return parts
}

// below says whether a path is root, or below it.
func below(path, root string) bool { return strings.HasPrefix(path+"/", root+"/") }
