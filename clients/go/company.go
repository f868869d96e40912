package reports

import (
	"strings"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/cases"
)

// CompanyNamespace is uuid5(NAMESPACE_DNS, "company.reports.fna"). It is the same in every client, for ever.
var CompanyNamespace = uuid.MustParse("cf56eeea-c8bd-569c-a027-56965e06ff3e")

// CompanyID returns the UUID that stands for a company: company itself when it is one, else one made from the name.
//
// The same name gives the same UUID everywhere: uuid5(CompanyNamespace, name), where upper and lower case and the number
// of blanks between words make no difference.
func CompanyID(company string) string {
	digits := strings.Trim(uuidMarks.Replace(company), "{}")
	if found, err := uuid.Parse(digits); err == nil {
		return found.String()
	}
	words := strings.FieldsFunc(company, isBlank)
	folded := strings.Map(cherokee, cases.Fold().String(strings.Join(words, " ")))
	return uuid.NewSHA1(CompanyNamespace, []byte(folded)).String()
}

// uuidMarks are what a UUID may be written with besides its digits.
var uuidMarks = strings.NewReplacer("urn:", "", "uuid:", "", "-", "")

// cherokee puts right what package cases gets wrong: of all scripts, Unicode folds this one to capital letters.
func cherokee(char rune) rune {
	if unicode.Is(unicode.Cherokee, char) {
		return unicode.ToUpper(char)
	}
	return char
}

// isBlank is what the other clients split words at: the separators U+001C to U+001F too.
func isBlank(char rune) bool {
	return unicode.IsSpace(char) || '\x1c' <= char && char <= '\x1f'
}
