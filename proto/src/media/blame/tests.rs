//! Who is blamed for what, as a table; and that verdicts are neither hasty nor shaky.

use super::*;

const BOB: Ssrc = Ssrc(1);
const CAROL: Ssrc = Ssrc(2);
const DAVE: Ssrc = Ssrc(3);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A way that loses so many per mille, shakes by so many milliseconds, and of which so many per mille are invented.
fn way((loss, jitter, concealed): (u16, u64, u16)) -> Way {
    Way { loss: f32::from(loss) / 1e3, jitter: ms(jitter), concealed: f32::from(concealed) / 1e3 }
}

const FINE: (u16, u64, u16) = (2, 5, 0);

type Of = (u16, u64, u16);

fn witness(ssrc: Ssrc, to: Of, from: Of, round_trip: u64) -> Witness {
    Witness {
        ssrc,
        to_them: Some(way(to)),
        from_them: way(from),
        round_trip: Some(ms(round_trip)),
        microphone_trouble: false,
        speaker_trouble: false,
    }
}

/// What is said when it stays so.
fn settled(own: Own, members: &[Witness]) -> Hop {
    let mut judge = Judge::default();
    (0..20).map(|_| judge.judge(own, members)).last().expect("twenty verdicts")
}

#[test]
fn in_a_call_of_two_a_way_is_named_and_a_device_that_says_so() {
    let bob = |to, from, trip| witness(BOB, to, from, trip);
    for (one, told) in [
        (bob(FINE, FINE, 40), Hop::Nobody),
        (bob((9, 29, 0), (9, 29, 0), 340), Hop::Nobody),
        (bob((10, 5, 0), FINE, 40), Hop::ToThem(BOB)),
        (bob(FINE, (0, 30, 0), 40), Hop::FromThem(BOB)),
        (bob(FINE, (1000, 0, 500), 40), Hop::FromThem(BOB)),
        // What is heard is worse than what is repaired.
        (bob((50, 5, 0), (40, 5, 10), 40), Hop::FromThem(BOB)),
        (bob((50, 5, 0), (40, 5, 0), 40), Hop::ToThem(BOB)),
        (bob(FINE, FINE, 400), Hop::RoundTrip(Some(BOB))),
        (bob(FINE, (20, 5, 0), 400), Hop::FromThem(BOB)),
        (Witness { to_them: None, ..bob(FINE, FINE, 40) }, Hop::Nobody),
        (Witness { round_trip: None, ..bob(FINE, (20, 5, 0), 40) }, Hop::FromThem(BOB)),
        (Witness { microphone_trouble: true, ..bob(FINE, (90, 5, 0), 40) }, Hop::TheirMicrophone(BOB)),
        (Witness { speaker_trouble: true, ..bob(FINE, FINE, 40) }, Hop::TheirSpeaker(BOB)),
    ] {
        assert_eq!(settled(Own::default(), &[one]), told, "{one:?}");
    }
}

#[test]
fn in_a_call_of_many_the_common_part_is_ours_and_the_rest_is_theirs() {
    for (bob, carol, dave, told) in [
        ((FINE, FINE), (FINE, FINE), (FINE, FINE), Hop::Nobody),
        // All lose ours.
        (((40, 5, 0), FINE), ((30, 5, 0), FINE), ((50, 5, 0), FINE), Hop::MyUplink),
        ((FINE, FINE), (FINE, FINE), ((40, 5, 0), FINE), Hop::TheirDownlink(DAVE)),
        // We lose everybody's.
        ((FINE, (40, 5, 0)), (FINE, (35, 5, 0)), (FINE, (60, 5, 0)), Hop::MyDownlink),
        ((FINE, FINE), (FINE, (30, 5, 0)), (FINE, FINE), Hop::TheirUplink(CAROL)),
        // Our uplink shakes, and dave's downlink loses far more.
        (((0, 40, 0), FINE), ((0, 40, 0), FINE), ((90, 40, 0), FINE), Hop::TheirDownlink(DAVE)),
        // Two lose ours and one does not: not our uplink.
        (((60, 5, 0), FINE), ((40, 5, 0), FINE), (FINE, FINE), Hop::TheirDownlink(BOB)),
    ] {
        let of = |ssrc, (to, from)| witness(ssrc, to, from, 40);
        let members = [of(BOB, bob), of(CAROL, carol), of(DAVE, dave)];
        assert_eq!(settled(Own::default(), &members), told, "{members:?}");
    }
}

#[test]
fn both_ends_and_a_third_blame_the_same_uplink() {
    // Alice's uplink loses 5 %: she sees it in what bob and carol tell, they see it themselves.
    let alice = [witness(BOB, (50, 5, 0), FINE, 40), witness(CAROL, (48, 5, 0), FINE, 40)];
    assert_eq!(settled(Own::default(), &alice), Hop::MyUplink);
    let bob = [witness(DAVE, FINE, (50, 5, 0), 40), witness(CAROL, FINE, FINE, 40)];
    assert_eq!(settled(Own::default(), &bob), Hop::TheirUplink(DAVE));
}

#[test]
fn who_tells_nothing_is_no_witness_of_what_they_hear() {
    let silent = |ssrc| Witness { to_them: None, ..witness(ssrc, FINE, FINE, 40) };
    let members = [witness(BOB, (90, 5, 0), FINE, 40), silent(CAROL), silent(DAVE)];
    assert_eq!(settled(Own::default(), &members), Hop::Nobody, "one alone cannot say whose fault it is");
}

#[test]
fn distance_is_of_all_or_of_one() {
    let far = |trips: [u64; 2]| {
        settled(Own::default(), &[witness(BOB, FINE, FINE, trips[0]), witness(CAROL, FINE, FINE, trips[1])])
    };
    assert_eq!(far([400, 500]), Hop::RoundTrip(None));
    assert_eq!(far([40, 500]), Hop::RoundTrip(Some(CAROL)));
    assert_eq!(far([40, 300]), Hop::Nobody);
}

#[test]
fn our_own_devices_come_first() {
    let members = [witness(BOB, (400, 5, 90), (300, 5, 90), 900)];
    let with = |microphone, speaker_trouble| settled(Own { microphone, speaker_trouble }, &members);
    assert_eq!(with(Some(Fault::Fails), false), Hop::MyMicrophone(Fault::Fails));
    assert_eq!(with(Some(Fault::Silent), false), Hop::MyMicrophone(Fault::Silent));
    assert_eq!(with(None, true), Hop::MySpeaker);
    assert_eq!(with(Some(Fault::Clips), false), Hop::ToThem(BOB), "a loud voice is the lesser evil");
    assert_eq!(settled(Own { microphone: Some(Fault::Clips), ..Own::default() }, &[]), {
        Hop::MyMicrophone(Fault::Clips)
    });
    assert_eq!(settled(Own::default(), &[]), Hop::Nobody);
}

#[test]
fn a_verdict_takes_three_seconds_and_outlives_a_good_moment() {
    let mut judge = Judge::default();
    let mut second = |loss| judge.judge(Own::default(), &[witness(BOB, (loss, 5, 0), FINE, 40)]);
    assert_eq!([30, 30].map(&mut second), [Hop::Nobody; 2]);
    assert_eq!(second(2), Hop::Nobody, "it was a moment");
    assert_eq!([30, 30, 30].map(&mut second), [Hop::Nobody, Hop::Nobody, Hop::ToThem(BOB)]);
    assert_eq!([8, 8, 8, 8, 8, 8].map(&mut second), [Hop::ToThem(BOB); 6], "still above seven tenths");
    assert_eq!([2, 2, 2, 2].map(&mut second), [Hop::ToThem(BOB); 4]);
    assert_eq!(second(8), Hop::ToThem(BOB), "four good seconds are not five");
    assert_eq!([2, 2, 2, 2, 2].map(&mut second)[4], Hop::Nobody);
}

#[test]
fn figures_at_the_border_change_no_word() {
    // Loss that swings around the border, and two who take turns at being the worst.
    let mut judge = Judge::default();
    let mut said = Vec::new();
    for second in 0..120u16 {
        let swing = if second % 2 == 0 { 9 } else { 12 };
        let members = [
            witness(BOB, FINE, (30 + swing, 5, 0), 40),
            witness(CAROL, FINE, (50 - swing, 5, 0), 40),
            witness(DAVE, (swing, 5, 0), FINE, 40),
        ];
        said.push(judge.judge(Own::default(), &members));
    }
    said.dedup();
    assert!(said.len() <= 2, "{said:?}");
}

#[test]
fn whatever_a_report_says_is_judged() {
    let odd = [f32::NAN, f32::INFINITY, -1.0, 2.0, 0.0];
    let mut judge = Judge::default();
    for loss in odd {
        for concealed in odd {
            let way = Way { loss, jitter: Duration::MAX, concealed };
            let one = Witness { to_them: Some(way), from_them: way, ..witness(BOB, FINE, FINE, 0) };
            judge.judge(
                Own::default(),
                &[one, Witness { ssrc: CAROL, round_trip: Some(Duration::MAX), ..one }],
            );
        }
    }
    let bob = witness(BOB, FINE, FINE, 40);
    let last = (0..9).map(|_| judge.judge(Own::default(), &[bob])).last();
    assert_eq!(last, Some(Hop::Nobody), "and forgotten");
}
