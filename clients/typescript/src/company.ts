/** The identifier of a company that is known by its name. */

import { v5 as namedUuid } from "uuid";

/** `uuid5(NAMESPACE_DNS, "company.reports.fna")`. */
export const COMPANY_NAMESPACE = "cf56eeea-c8bd-569c-a027-56965e06ff3e";

// What separates words in Python, whose client has to come to the same identifiers.
const BLANKS = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
const HEX_DIGITS_OF_UUID = /^[0-9a-f]{32}$/i;

/**
 * Return the UUID that stands for a company: `company` itself when it is one, else one made from the name.
 *
 * The same name gives the same UUID everywhere: `uuid5(COMPANY_NAMESPACE, name)`, where upper and lower case and the
 * number of blanks between words make no difference.
 */
export function companyId(company: string): string {
  const digits = company.replace(/urn:|uuid:/g, "").replace(/^[{}]+|[{}]+$/g, "").replaceAll("-", "");
  if (HEX_DIGITS_OF_UUID.test(digits)) {
    return digits.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }
  const words = company.split(BLANKS).filter((word) => word !== "");
  const name = Array.from(words.join(" "), foldedCase).join("");
  return namedUuid(new TextEncoder().encode(name), COMPANY_NAMESPACE);
}

/** Return Unicode's full case folding of one character, which JavaScript has not. */
function foldedCase(character: string): string {
  if (character === "ı") {
    return character;
  }
  if (/\p{Script=Cherokee}/u.test(character)) {
    return character.toUpperCase();
  }
  return character.toLowerCase().toUpperCase().toLowerCase();
}
