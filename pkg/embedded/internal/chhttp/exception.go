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

// status is the HTTP status of an exception, as ClickHouse's
// exceptionCodeToHTTPStatus has it.
func (e *exception) status() int {
	switch e.code {
	case 194: // REQUIRED_PASSWORD
		return http.StatusUnauthorized
	case 192, 193, 291, 497, 516: // unknown user, wrong password, access denied
		return http.StatusForbidden
	case 6, 26, 27, 36, 38, 41, 43, 53, 62, 69, 72, 115, 130, 131, 164, 190, 321, 349, 376, 456, 457: // cannot parse, syntax, types, settings
		return http.StatusBadRequest
	case 16, 46, 47, 50, 51, 60, 81: // unknown column, function, identifier, type, table, database
		return http.StatusNotFound
	case 48:
		return http.StatusNotImplemented
	case 159, 209, 210:
		return http.StatusRequestTimeout
	}
	return http.StatusInternalServerError
}
