package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is a single value of a Config: what flags, environment and the settings part of the reference page are about.
type setting struct {
	path  []string // keys in the file, from the outside in: routing, offer-timeout
	field reflect.StructField
	index []int // of the field, from Config
}

// settings lists the single values of Config in the order of its fields. It is the one place that decides what is one.
func settings() []setting { return settingsOf(reflect.TypeFor[Config](), nil, nil) }

func settingsOf(t reflect.Type, path []string, index []int) []setting {
	var all []setting
	for i := range t.NumField() {
		f := t.Field(i)
		p, at := append(path[:len(path):len(path)], f.Tag.Get("yaml")), append(index[:len(index):len(index)], i)
		switch {
		case f.Tag.Get("kong") == "-": // in the file only
		case f.Type.Kind() == reflect.Struct:
			all = append(all, settingsOf(f.Type, p, at)...)
		default:
			all = append(all, setting{path: p, field: f, index: at})
		}
	}
	return all
}

// Names of a setting in the file, on the command line and in the environment.
func (s setting) key() string  { return strings.Join(s.path, ".") }
func (s setting) flag() string { return strings.Join(s.path, "-") }
func (s setting) env() string {
	return "HALLEY_" + strings.ToUpper(strings.ReplaceAll(s.flag(), "-", "_"))
}

// of returns the setting's place in c.
func (s setting) of(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().FieldByIndex(s.index) }

// set writes a value that is given as text: a default or one from the environment. Lists are separated by commas.
func (s setting) set(c *Config, text string) error {
	v := s.of(c)
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *[]string:
		*p = nil
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*p = append(*p, part)
			}
		}
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*p = b
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return notADuration(text)
		}
		*p = d
	case *int, *int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(n)
	default:
		panic("config: no text form for " + v.Type().String())
	}
	return nil
}

func notADuration(text string) error {
	return fmt.Errorf("%q is not a duration: write a number with a unit, such as 500ms, 30s or 10m", text)
}

// Default returns the configuration that holds when nobody says anything. It has no users, so a server needs more.
func Default() Config {
	var c Config
	for _, s := range settings() {
		text, ok := s.field.Tag.Lookup("default")
		if !ok {
			continue
		}
		if err := s.set(&c, text); err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", s.key(), err)) // a slip in this package; a test meets it
		}
	}
	return c
}

// IsSetting says whether a flag of this name gives a setting.
func IsSetting(flag string) bool {
	return slices.ContainsFunc(settings(), func(s setting) bool { return s.flag() == flag })
}
