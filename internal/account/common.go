package account

import (
	_ "embed" // common_passwords.txt
	"slices"
	"strings"
	"sync"
	"unicode"
)

// commonText holds the most common passwords in lower case, a line each, sorted: the
// frequency list of zxcvbn (Dan Wheeler and Dropbox, Inc., MIT licence).
//
//go:embed common_passwords.txt
var commonText string

var commonPasswords = sync.OnceValue(func() []string { return strings.Split(strings.TrimSpace(commonText), "\n") })

// lookalikes are what people write for letters to satisfy a rule.
var lookalikes = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// isCommon reports whether a password is a common one, also where it is dressed up
// with capitals, lookalikes of letters, and digits or marks around it: P@ssw0rd2024!
// is password.
func isCommon(password string) bool {
	bare := strings.ToLower(password)
	for _, form := range []string{bare, lookalikes.Replace(bare), letters(bare), lookalikes.Replace(letters(bare)), letters(lookalikes.Replace(bare)), lookalikes.Replace(core(bare))} {
		if _, common := slices.BinarySearch(commonPasswords(), form); common {
			return true
		}
	}
	return false
}

// letters is what is left of a text when all before its first and after its last
// letter is taken away.
func letters(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
}

// core takes digits and marks away from the end alone, as years and bangs are put there.
func core(s string) string {
	return strings.TrimRightFunc(s, func(r rune) bool { return unicode.IsDigit(r) || r == '!' || r == '.' || r == '?' || r == '#' })
}
