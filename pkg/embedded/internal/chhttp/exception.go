package chhttp

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"github.com/playhead/playhead/pkg/embedded/internal/chdb"
	"github.com/playhead/playhead/pkg/embedded/internal/native"
)

// Codes that the server itself raises, from ClickHouse's ErrorCodes.cpp.
const (
	codeBadArguments         = 36
	codeNotImplemented       = 48
	codeSyntaxError          = 62
	codeCannotReadBody       = 23 // CANNOT_READ_FROM_ISTREAM
	codeAuthenticationFailed = 516
	codeUnknownException     = 1002
)

// exception is an error as ClickHouse words it.
type exception struct {
	code int
	text string // "Code: 60. DB::Exception: …"
}

func (e *exception) Error() string { return e.text }

func exceptionf(code int, name, message string) *exception {
	return &exception{code: code, text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, message, name)}
}

var codePattern = regexp.MustCompile(`^Code: (\d+)\. `)

// asException makes the exception that a client gets for err.
func asException(err error) *exception {
	var own *exception
	if errors.As(err, &own) {
		return own
	}
	var engine *chdb.Error
	if errors.As(err, &engine) {
		if m := codePattern.FindStringSubmatch(engine.Message); m != nil {
			if code, err := strconv.Atoi(m[1]); err == nil {
				return &exception{code: code, text: engine.Message}
			}
		}
		return exceptionf(codeUnknownException, "UNKNOWN_EXCEPTION", engine.Message)
	}
	if errors.Is(err, native.ErrUnsupported) {
		return exceptionf(codeNotImplemented, "NOT_IMPLEMENTED", err.Error())
	}
	return exceptionf(codeUnknownException, "UNKNOWN_EXCEPTION", err.Error())
}

// status is the HTTP status of an exception. The table has the outcome of
// ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp.
func (e *exception) status() int {
	switch e.code {
	case 194: // a password is required
		return http.StatusUnauthorized
	case 192, 193, 497, 512, 516: // user, password, rights, role
		return http.StatusForbidden
	case 36, 427, 117, 321, // arguments, regular expressions, data
		6, 25, 26, 27, 38, 41, 72, 376, 441, 675, 676, // what cannot be parsed
		8, 15, 44, 53, // columns and types
		37, 62, 123, 167, 168, 223: // syntax
		return http.StatusBadRequest
	case 46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511: // what is unknown
		return http.StatusNotFound
	case 229:
		return http.StatusRequestEntityTooLarge
	case 48:
		return http.StatusNotImplemented
	case 76, 209, 439:
		return http.StatusServiceUnavailable
	case 381:
		return http.StatusLengthRequired
	case 159:
		return http.StatusRequestTimeout
	case 779:
		return http.StatusUnsupportedMediaType
	}
	return http.StatusInternalServerError
}
