//! Whose voice comes back from whom. Everybody can hear the others' echo of themselves, and only themselves; so each
//! side tells the other, and here both are put into words.

use proto::id::{Name, Ssrc};
use proto::media::Statistics;

/// The account of `tincand` that says back what it hears: from it one's voice comes back on purpose.
pub const FRIEND: &str = "echo";

/// Whose voice it is that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Ours, from their loudspeaker through their microphone.
    Ours,
    /// Theirs, from our loudspeaker through our microphone.
    Theirs,
}

/// An echo that began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoNews {
    /// The other side.
    pub ssrc: Ssrc,
    /// Who hears themselves.
    pub whose: Whose,
    /// It is heard, or no more.
    pub heard: bool,
}

impl EchoNews {
    /// In a sentence.
    pub fn words(&self, who: &Name) -> String {
        match (self.whose, self.heard) {
            (Whose::Ours, true) => {
                format!("your voice comes back from {who}: their speaker is heard by their microphone")
            }
            (Whose::Ours, false) => format!("your voice does not come back from {who} any more"),
            (Whose::Theirs, true) => {
                format!("{who} hears their own echo from you: use a headset or switch echo cancel on")
            }
            (Whose::Theirs, false) => format!("{who} does not hear their own echo from you any more"),
        }
    }
}

/// What is known of each member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echoes(Vec<(Ssrc, [bool; 2])>);

impl Echoes {
    /// What is new in the figures.
    pub fn news(&mut self, statistics: &Statistics) -> Vec<EchoNews> {
        let mut news = Vec::new();
        self.0.retain(|(ssrc, _)| statistics.members.iter().any(|member| member.ssrc == *ssrc));
        for member in &statistics.members {
            let now = [member.echo_from_them, member.echo_from_us];
            let at = self.0.iter().position(|(ssrc, _)| *ssrc == member.ssrc).unwrap_or_else(|| {
                self.0.push((member.ssrc, [false; 2]));
                self.0.len() - 1
            });
            let before = std::mem::replace(&mut self.0[at].1, now);
            for (n, whose) in [Whose::Ours, Whose::Theirs].into_iter().enumerate() {
                if before[n] != now[n] {
                    news.push(EchoNews { ssrc: member.ssrc, whose, heard: now[n] });
                }
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::media::MemberStatistics;

    fn figures(members: &[(u32, bool, bool)]) -> Statistics {
        let members = members.iter().map(|(ssrc, echo_from_them, echo_from_us)| MemberStatistics {
            echo_from_them: *echo_from_them,
            echo_from_us: *echo_from_us,
            ..MemberStatistics::of(Ssrc(*ssrc))
        });
        Statistics { members: members.collect(), ..Statistics::default() }
    }

    #[test]
    fn each_change_is_news_once() {
        let mut echoes = Echoes::default();
        let news = |ssrc, whose, heard| EchoNews { ssrc: Ssrc(ssrc), whose, heard };
        assert_eq!(echoes.news(&figures(&[(1, false, false)])), []);
        let both = figures(&[(1, true, false), (2, false, true)]);
        assert_eq!(echoes.news(&both), [news(1, Whose::Ours, true), news(2, Whose::Theirs, true)]);
        assert_eq!(echoes.news(&both), []);
        assert_eq!(
            echoes.news(&figures(&[(1, false, false), (2, false, true)])),
            [news(1, Whose::Ours, false)]
        );
        // Who left and comes again starts anew.
        assert_eq!(echoes.news(&figures(&[])), []);
        assert_eq!(echoes.news(&figures(&[(2, false, true)])), [news(2, Whose::Theirs, true)]);
    }
}
