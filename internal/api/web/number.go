package web

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// exactDigits bounds the texts for which a whole number written as a fraction
// is recognised: exact arithmetic on longer ones is not worth its cost.
const exactDigits = 32

// number reads a number as it is written, except that a whole one with a point
// or an exponent, such as 1.0 or 1e2, becomes a plain integer: JSON Schema takes
// them for the same, the generated binder does not.
func (d *decoder) number() (any, *refusal) {
	start := d.at
	whole := true
loop:
	for ; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; {
		case c >= '0' && c <= '9', c == '-', c == '+':
		case c == '.', c == 'e', c == 'E':
			whole = false
		default:
			break loop
		}
	}
	text := d.text[start:d.at]
	if whole && len(text) <= exactDigits {
		return json.Number(text), nil
	}
	return fraction(text)
}

// fraction settles a number that is not plainly an integer of bounded length.
// Exact arithmetic is for what float64 says is near enough to an int64: an
// exponent that a client chose can make it arbitrarily costly.
func fraction(text string) (any, *refusal) {
	f, err := strconv.ParseFloat(text, 64)
	digits, _, _ := strings.Cut(strings.ToLower(text), "e")
	zero := !strings.ContainsAny(digits, "123456789")
	switch {
	case err != nil:
		return nil, &refusal{code: codeTooLarge, detail: "Must be a number that a double can hold."}
	case zero:
		return json.Number("0"), nil
	case f == 0:
		return nil, &refusal{code: codeTooSmall, detail: "Must be a number that a double can tell from 0."}
	case f == math.Trunc(f) && math.Abs(f) <= math.MaxInt64 && len(text) <= exactDigits:
		if exact, ok := new(big.Rat).SetString(text); ok && exact.IsInt() && exact.Num().IsInt64() {
			return json.Number(exact.Num().String()), nil
		}
	}
	return json.Number(text), nil
}
