//! 256 words to say over a call, written for this purpose: common, concrete, two syllables or so, and no two that begin
//! with the same four letters.

/// A byte is a word.
pub const WORDS: [&str; 256] = [
    "acorn", "actor", "adobe", "album", "alcove", "almond", "amber", "anchor", "angle", "apple", "apron",
    "arbor", "arena", "armor", "arrow", "atlas", "attic", "autumn", "award", "axle", "bacon", "badge",
    "baker", "bamboo", "banjo", "barley", "basin", "basket", "beacon", "beaver", "belfry", "berry", "bishop",
    "blanket", "blossom", "bonnet", "border", "bottle", "boulder", "bracket", "breeze", "brick", "bridge",
    "bronze", "bucket", "buffalo", "button", "cabin", "cactus", "camel", "candle", "canyon", "captain",
    "caravan", "carpet", "castle", "cedar", "cellar", "chapel", "cherry", "circus", "citrus", "clover",
    "cobalt", "coconut", "comet", "copper", "coral", "cotton", "cradle", "crater", "cricket", "crystal",
    "curtain", "dagger", "dairy", "daisy", "dancer", "desert", "diamond", "dinner", "dolphin", "donkey",
    "dragon", "drawer", "drummer", "eagle", "easel", "echo", "eclipse", "elbow", "elder", "engine",
    "envelope", "ermine", "estate", "fabric", "falcon", "farmer", "feather", "ferry", "fiddle", "figure",
    "filter", "flannel", "flute", "forest", "fossil", "fountain", "fox", "frost", "funnel", "gadget",
    "galaxy", "garden", "garlic", "garnet", "gazelle", "ginger", "giraffe", "glacier", "goblet", "granite",
    "grape", "guitar", "hammer", "harbor", "harvest", "hazel", "helmet", "heron", "hockey", "honey",
    "horizon", "hunter", "igloo", "insect", "island", "ivory", "jacket", "jaguar", "jasmine", "jersey",
    "jigsaw", "jungle", "kayak", "kennel", "kettle", "kitten", "knuckle", "ladder", "lagoon", "lantern",
    "lemon", "lentil", "leopard", "letter", "lily", "linen", "lizard", "lobster", "locket", "lotus",
    "magnet", "mango", "marble", "meadow", "melon", "mirror", "mitten", "monkey", "mosaic", "muffin",
    "napkin", "nectar", "needle", "nickel", "nugget", "oasis", "ocean", "olive", "onion", "orbit", "orchid",
    "oregano", "otter", "oyster", "paddle", "palace", "panther", "paper", "parrot", "pebble", "pencil",
    "pepper", "piano", "pigeon", "pillow", "pirate", "planet", "plum", "pocket", "pony", "puzzle", "quarry",
    "quilt", "rabbit", "radish", "raven", "ribbon", "river", "robin", "rocket", "saddle", "salmon", "sandal",
    "saturn", "scarf", "shovel", "silver", "spider", "sponge", "squirrel", "statue", "sunset", "tablet",
    "teapot", "temple", "thimble", "thunder", "ticket", "tiger", "timber", "tomato", "trumpet", "tulip",
    "tunnel", "turtle", "umbrella", "valley", "velvet", "violin", "volcano", "waffle", "walnut", "walrus",
    "whistle", "willow", "window", "winter", "wizard", "yarn", "yogurt", "zebra", "zigzag", "zipper",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_differ_early_and_are_in_order() {
        let starts: BTreeSet<&str> = WORDS.iter().map(|word| &word[..word.len().min(4)]).collect();
        assert_eq!(starts.len(), WORDS.len());
        assert!(WORDS.is_sorted() && WORDS.iter().all(|word| (3..=9).contains(&word.len())));
        assert!(WORDS.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase())));
    }
}
