//! A level as a bar.

use crate::app::call::Meter;

use super::theme::Theme;

/// The bar of a meter, at most `width` columns, with no blanks after it.
pub(super) fn bar(meter: Meter, width: u16, theme: Theme) -> String {
    let blocks = theme.glyphs.blocks;
    let full = blocks.len() - 1;
    let parts = usize::from(width) * full * usize::from(meter.step()) / usize::from(Meter::STEPS);
    let mut bar = blocks[full].repeat(parts / full);
    if !parts.is_multiple_of(full) {
        bar.push_str(blocks[parts % full]);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::model::{Glyphs, Look, Theme as LookTheme};

    #[test]
    fn a_bar_grows_with_its_level_in_either_glyphs() {
        for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
            let theme = Theme::new(Look { glyphs, colour: false, theme: LookTheme::Default });
            let mut last = 0;
            for db in [-90.0, -40.0, -20.0, 0.0] {
                let mut meter = Meter::default();
                meter.take(db);
                let now = bar(meter, 12, theme).chars().count();
                assert!(now >= last && now <= 12);
                last = now;
            }
            assert_eq!(last, 12);
        }
    }
}
