package native

import (
	"fmt"
	"strconv"
	"strings"
)

type kind uint8

const (
	kindFixed kind = iota // size bytes per value
	kindString
	kindNullable
	kindArray // maps are arrays of several columns
	kindTuple
	kindLowCardinality
	kindVariant
)

// columnType is how a type's values lie in a block.
type columnType struct {
	kind kind
	size uint64
	of   []*columnType
}

// maxTypeDepth bounds the nesting of types; ClickHouse itself stops at 1000.
const maxTypeDepth = 100

func parseType(s string) (*columnType, error) { return parseTypeAt(s, 0) }

func parseTypeAt(s string, depth int) (*columnType, error) {
	if depth > maxTypeDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrUnsupported, maxTypeDepth)
	}
	name, args, err := splitType(s)
	if err != nil {
		return nil, err
	}
	if size, ok := fixedSizes[name]; ok {
		return &columnType{kind: kindFixed, size: size}, nil
	}
	if alias, ok := geoTypes[name]; ok {
		return parseTypeAt(alias, depth+1)
	}
	if strings.HasPrefix(name, "Interval") {
		return &columnType{kind: kindFixed, size: 8}, nil
	}
	switch name {
	case "String":
		return &columnType{kind: kindString}, nil
	case "FixedString":
		return fixedString(s, args)
	case "Decimal":
		return decimal(s, args)
	case "Nullable":
		return nested(kindNullable, s, args[:min(1, len(args))], depth)
	case "Array":
		return nested(kindArray, s, args[:min(1, len(args))], depth)
	case "LowCardinality":
		return nested(kindLowCardinality, s, args[:min(1, len(args))], depth)
	case "Map":
		return nested(kindArray, s, args, depth)
	case "Variant":
		return nested(kindVariant, s, args, depth)
	case "SimpleAggregateFunction":
		if len(args) < 2 {
			return nil, fmt.Errorf("%w: type %s", ErrMalformed, s)
		}
		return parseTypeAt(args[1], depth+1)
	case "Tuple":
		return tuple(args, depth)
	case "Nested":
		of, err := tuple(args, depth)
		if err != nil {
			return nil, err
		}
		return &columnType{kind: kindArray, of: []*columnType{of}}, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrUnsupported, s)
}

// fixedSizes are bytes per value.
var fixedSizes = map[string]uint64{
	"UInt8": 1, "UInt16": 2, "UInt32": 4, "UInt64": 8, "UInt128": 16, "UInt256": 32,
	"Int8": 1, "Int16": 2, "Int32": 4, "Int64": 8, "Int128": 16, "Int256": 32,
	"BFloat16": 2, "Float32": 4, "Float64": 8,
	"Decimal32": 4, "Decimal64": 8, "Decimal128": 16, "Decimal256": 32,
	"Bool": 1, "Nothing": 1, "Enum8": 1, "Enum16": 2, "UUID": 16, "IPv4": 4, "IPv6": 16,
	"Date": 2, "Date32": 4, "DateTime": 4, "DateTime64": 8, "Time": 4, "Time64": 8,
}

var geoTypes = map[string]string{
	"Point":           "Tuple(Float64, Float64)",
	"Ring":            "Array(Point)",
	"LineString":      "Array(Point)",
	"Polygon":         "Array(Ring)",
	"MultiLineString": "Array(LineString)",
	"MultiPolygon":    "Array(Polygon)",
}

func fixedString(s string, args []string) (*columnType, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%w: type %s", ErrMalformed, s)
	}
	size, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil || size == 0 {
		return nil, fmt.Errorf("%w: type %s", ErrMalformed, s)
	}
	return &columnType{kind: kindFixed, size: size}, nil
}

func decimal(s string, args []string) (*columnType, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: type %s", ErrMalformed, s)
	}
	precision, err := strconv.ParseUint(args[0], 10, 8)
	switch {
	case err != nil || precision == 0 || precision > 76:
		return nil, fmt.Errorf("%w: type %s", ErrMalformed, s)
	case precision <= 9:
		return &columnType{kind: kindFixed, size: 4}, nil
	case precision <= 18:
		return &columnType{kind: kindFixed, size: 8}, nil
	case precision <= 38:
		return &columnType{kind: kindFixed, size: 16}, nil
	}
	return &columnType{kind: kindFixed, size: 32}, nil
}

func nested(k kind, s string, args []string, depth int) (*columnType, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: type %s", ErrMalformed, s)
	}
	t := &columnType{kind: k}
	for _, arg := range args {
		of, err := parseTypeAt(arg, depth+1)
		if err != nil {
			return nil, err
		}
		t.of = append(t.of, of)
	}
	return t, nil
}

// tuple parses elements, which may be named: Tuple(a String, `b c` UInt8).
func tuple(args []string, depth int) (*columnType, error) {
	t := &columnType{kind: kindTuple}
	for _, arg := range args {
		of, err := parseTypeAt(withoutName(arg), depth+1)
		if err != nil {
			return nil, err
		}
		t.of = append(t.of, of)
	}
	return t, nil
}

// withoutName drops an element's name: the text before the first space that is
// outside quotes and parentheses.
func withoutName(arg string) string {
	for i := 0; i < len(arg); i++ {
		switch arg[i] {
		case '`', '"', '\'':
			i = quoteEnd(arg, i)
		case '(':
			return arg
		case ' ':
			return strings.TrimSpace(arg[i:])
		}
	}
	return arg
}

// splitType cuts "Name(arg, arg)" at its top-level commas.
func splitType(s string) (name string, args []string, err error) {
	s = strings.TrimSpace(s)
	open := strings.IndexByte(s, '(')
	if open < 0 {
		return s, nil, nil
	}
	if s[len(s)-1] != ')' {
		return "", nil, fmt.Errorf("%w: type %s", ErrMalformed, s)
	}
	name, inner := s[:open], s[open+1:len(s)-1]
	depth, start := 0, 0
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '`', '"', '\'':
			i = quoteEnd(inner, i)
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return "", nil, fmt.Errorf("%w: type %s", ErrMalformed, s)
			}
		case ',':
			if depth == 0 {
				args = append(args, strings.TrimSpace(inner[start:i]))
				start = i + 1
			}
		}
	}
	if depth != 0 {
		return "", nil, fmt.Errorf("%w: type %s", ErrMalformed, s)
	}
	if last := strings.TrimSpace(inner[min(start, len(inner)):]); last != "" {
		args = append(args, last)
	}
	return name, args, nil
}

// quoteEnd returns the index of the quote that closes the one at i.
func quoteEnd(s string, i int) int {
	quote := s[i]
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return len(s)
}
