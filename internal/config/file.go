package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// decode lays a YAML file over c. Errors are one line that begins with the file's name and the line in it.
//
// The decoder itself refuses unknown keys, but can't say which ones there are, and takes a bare number for a duration in nanoseconds. So the tree is compared
// with the Go types first.
func decode(name string, data []byte, c *Config) error {
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return inFile(name, err)
	}
	if len(tree.Docs) > 1 {
		return fmt.Errorf("%s: more than one YAML document: join them into one", name)
	}
	if len(tree.Docs) == 0 || tree.Docs[0].Body == nil {
		return nil
	}
	body := tree.Docs[0].Body
	if _, comments := body.(*ast.CommentGroupNode); comments {
		return nil
	}
	if err := fits(body, reflect.TypeFor[Config](), "the file"); err != nil {
		return inFile(name, err)
	}
	if err := yaml.NodeToValue(body, c, yaml.Strict()); err != nil {
		return inFile(name, err)
	}
	return nil
}

// lineError is a complaint about a place in the file.
type lineError struct {
	at     *token.Token
	reason string
}

func (e *lineError) Error() string { return e.reason }

func complain(n ast.Node, format string, args ...any) error {
	return &lineError{n.GetToken(), fmt.Sprintf(format, args...)}
}

// inFile puts file and line before an error.
func inFile(name string, err error) error {
	at, reason := (*token.Token)(nil), err.Error()
	if line, ok := errors.AsType[*lineError](err); ok {
		at = line.at
	} else if y, ok := errors.AsType[yaml.Error](err); ok {
		at, reason = y.GetToken(), y.GetMessage()
	}
	reason, _, _ = strings.Cut(reason, "\n")
	if at == nil || at.Position == nil {
		return fmt.Errorf("%s: %s", name, reason)
	}
	return fmt.Errorf("%s:%d: %s", name, at.Position.Line, reason)
}

// fits says what keeps a node from being decoded into a value of type t. what names the node.
func fits(n ast.Node, t reflect.Type, what string) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n.(type) {
	case *ast.NullNode:
		return complain(n, "%s has no value: give it one, or take the line out", what)
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return complain(n, "%s uses an anchor, an alias or a tag: write the value out", what)
	}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		text, ok := n.(*ast.StringNode)
		if !ok {
			return complain(n, "%s: %v", what, notADuration(n.GetToken().Value))
		}
		if _, err := time.ParseDuration(text.Value); err != nil {
			return complain(n, "%s: %v", what, notADuration(text.Value))
		}
		return nil
	case t.Kind() == reflect.Struct:
		return fitsKeys(n, what, func(key string) (reflect.Type, bool) {
			f, ok := fieldOf(t, key)
			return f.Type, ok
		}, fieldNames(t))
	case t.Kind() == reflect.Map:
		return fitsKeys(n, what, func(string) (reflect.Type, bool) { return t.Elem(), true }, nil)
	case t.Kind() == reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			return complain(n, "%s must be a list", what)
		}
		for _, item := range list.Values {
			if err := fits(item, t.Elem(), "an entry of "+what); err != nil {
				return err
			}
		}
		return nil
	default:
		return fitsScalar(n, t, what)
	}
}

// fitsKeys checks a mapping whose keys have the types that typeOf tells.
func fitsKeys(n ast.Node, what string, typeOf func(key string) (reflect.Type, bool), valid []string) error {
	pairs, ok := n.(ast.MapNode)
	if !ok {
		return complain(n, "%s must have keys with values", what)
	}
	for each := pairs.MapRange(); each.Next(); {
		key := each.Key()
		if key.IsMergeKey() {
			return complain(key, "%s uses a merge key: write the keys out", what)
		}
		name := key.GetToken().Value
		t, ok := typeOf(name)
		if !ok {
			return complain(key, "unknown key %q in %s; there are: %s", name, what, strings.Join(valid, ", "))
		}
		if err := fits(each.Value(), t, name); err != nil {
			return err
		}
	}
	return nil
}

func fitsScalar(n ast.Node, t reflect.Type, what string) error {
	switch t.Kind() {
	case reflect.Bool:
		if _, ok := n.(*ast.BoolNode); !ok {
			return complain(n, "%s must be true or false", what)
		}
	case reflect.Int, reflect.Int64:
		if _, ok := n.(*ast.IntegerNode); !ok {
			return complain(n, "%s must be a whole number", what)
		}
	default:
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode: // name: 007 would lose its zeros
			return complain(n, "%s must be text: put it in quotes", what)
		default:
			return complain(n, "%s must be text", what)
		}
	}
	return nil
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("yaml") == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func fieldNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("yaml")
	}
	return names
}
