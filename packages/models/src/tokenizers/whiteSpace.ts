// Unicode's White_Space, as Rust's and Oniguruma's \s have it: JavaScript's has U+FEFF besides and lacks U+0085.

/** For use within a character class. */
export const WHITE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
export const LEADING_WHITE = new RegExp(`^[${WHITE}]+`);
export const TRAILING_WHITE = new RegExp(`[${WHITE}]+$`);
/** A run of anything else. */
export const NOT_WHITE = new RegExp(`[^${WHITE}]+`, "g");
