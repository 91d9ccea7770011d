//! (opened by its first content)
