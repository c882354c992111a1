//! The link with real sockets on loopback and a simulated clock.

use super::*;

fn address(last: u8) -> SocketAddr {
    ([192, 0, 2, last], 4010).into()
}

#[test]
fn only_a_failing_address_is_left() {
    let addresses = [1, 2, 3].map(address);
    let check = |current: Option<(u8, bool)>, expected: &[u8]| {
        let current = current.map(|(last, fails)| (address(last), fails));
        let order: Vec<_> = in_order(&addresses, current).collect();
        assert_eq!(
            order,
            expected
                .iter()
                .map(|&last| address(last))
                .collect::<Vec<_>>()
        );
    };
    check(None, &[1, 2, 3]);
    check(Some((2, false)), &[2, 3, 1]);
    check(Some((2, true)), &[3, 1, 2]);
    check(Some((3, true)), &[1, 2, 3]);
    check(Some((9, false)), &[1, 2, 3]);
    assert_eq!(in_order(&[], None).count(), 0);
}

fn link() -> Link {
    let server = "raa.example".into();
    Link::new(server, Resolver::idle(), SharedStatus::unwatched())
}

/// Sends ten times a second, by the link's clock, until the trouble is as expected.
fn send_until(link: &mut Link, is_expected: impl Fn(&Option<Trouble>) -> bool) {
    let start = Instant::now();
    for tenth in 0..500 {
        let now = start + tenth * Duration::from_millis(100);
        link.receive(now, |_| ());
        let (Change::None | Change::Fresh) = link.send(now, b"anybody?");
        if is_expected(&link.status.get().link.trouble) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{:?}", link.status.get().link.trouble);
}

#[test]
fn a_closed_port_is_reported_until_it_opens() {
    let mut link = link();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap();
    drop(closed);
    assert_eq!(link.handle_answer(Ok(vec![port])), Change::Fresh);
    let cannot_send = |trouble: &Option<Trouble>| matches!(trouble, Some(Trouble::Send { to, .. }) if *to == port);
    send_until(&mut link, cannot_send);
    let _receiver = UdpSocket::bind(port).unwrap();
    send_until(&mut link, Option::is_none);
}

#[test]
fn a_server_that_moves_is_followed() {
    let receivers = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let [old, new] = receivers
        .each_ref()
        .map(|receiver| receiver.local_addr().unwrap());
    let mut link = link();
    let now = Instant::now();
    assert_eq!(link.send(now, b"no address yet"), Change::None);
    assert_eq!(link.handle_answer(Ok(vec![old])), Change::Fresh);
    assert_eq!(
        link.handle_answer(Err(io::Error::other("no network"))),
        Change::None
    );
    assert_eq!(
        link.handle_answer(Ok(vec![new, old])),
        Change::None,
        "the old one still works"
    );
    assert_eq!(link.send(now, b"old"), Change::None);
    assert_eq!(link.handle_answer(Ok(vec![new])), Change::Fresh);
    assert_eq!(link.send(now, b"new"), Change::None);
    for (receiver, expected) in receivers.iter().zip([b"old", b"new"]) {
        let mut datagram = [0; 16];
        receiver
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        assert_eq!(receiver.recv(&mut datagram).unwrap(), expected.len());
        assert_eq!(&datagram[..expected.len()], expected);
    }
}

#[test]
fn a_link_recovers_a_second_after_an_error() {
    let start = Instant::now();
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = receiver.local_addr().unwrap();
    let mut path = Path {
        socket: open(to).unwrap(),
        to,
        failed_at: Some(start),
        refused: None,
    };
    let at = |ms| start + Duration::from_millis(ms);
    assert!(matches!(path.send(at(999), b"x"), SendResult::Ok));
    assert!(matches!(path.send(at(1000), b"x"), SendResult::Recovered));
    assert!(matches!(path.send(at(2000), b"x"), SendResult::Ok));
}

#[test]
fn only_reports_are_passed_on() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut link = link();
    link.receive(Instant::now(), |_| panic!("there is no socket yet"));
    assert!(!link.works());
    let to = server.local_addr().unwrap();
    assert_eq!(link.handle_answer(Ok(vec![to])), Change::Fresh);
    assert!(link.works());
    assert_eq!(link.send(Instant::now(), b"x"), Change::None);
    let (_, client) = server.recv_from(&mut [0; 16]).unwrap();
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(&[0x80, 203, 0, 0], client).unwrap();
    server.send_to(&[0x80, 111, 0, 0], client).unwrap();
    server.send_to(&[0x80, 201].repeat(1000), client).unwrap();
    for _ in 0..2 * READ_AT_MOST {
        server.send_to(&report, client).unwrap();
    }
    let (mut received, mut most) = (Vec::new(), 0);
    for _ in 0..READ_AT_MOST {
        let before = received.len();
        link.receive(Instant::now(), |datagram| received.push(datagram.to_vec()));
        most = most.max(received.len() - before);
    }
    assert_eq!(most, READ_AT_MOST, "at once");
    assert_eq!(received, vec![report.to_vec(); 2 * READ_AT_MOST]);
}

/// A server's socket at the other end of the link.
struct Far {
    socket: UdpSocket,
    answers: bool,
    /// The numbers of the datagrams that it has received.
    received: Vec<u16>,
}

impl Far {
    fn new(answers: bool) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            answers,
            received: Vec::new(),
        }
    }

    fn receive(&mut self) {
        let mut datagram = [0; 16];
        while let Ok((len, client)) = self.socket.recv_from(&mut datagram) {
            assert_eq!(len, 2);
            self.received
                .push(u16::from_be_bytes([datagram[0], datagram[1]]));
            if self.answers {
                let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
                self.socket.send_to(&report, client).unwrap();
            }
        }
    }
}

/// Sends ten datagrams a second, by the link's clock, to a name with these two addresses.
fn send_numbers(
    link: &mut Link,
    far: &mut [Far; 2],
    numbers: std::ops::Range<u16>,
    start: Instant,
) {
    for number in numbers {
        let now = start + u32::from(number) * Duration::from_millis(100);
        link.receive(now, |_| ());
        let (Change::None | Change::Fresh) = link.send(now, &number.to_be_bytes());
        far.iter_mut().for_each(Far::receive);
    }
}

fn link_to(far: &[Far; 2]) -> Link {
    let mut link = link();
    let addresses = far.each_ref().map(|far| far.socket.local_addr().unwrap());
    assert_eq!(link.handle_answer(Ok(addresses.to_vec())), Change::Fresh);
    link
}

#[test]
fn an_address_that_swallows_everything_is_left() {
    let mut far = [false, true].map(Far::new);
    let mut link = link_to(&far);
    let start = Instant::now();
    send_numbers(&mut link, &mut far, 0..600, start);
    let [swallowing, answering] = &far;
    let first = answering.received[0];
    assert!((30..=31).contains(&first), "{first}");
    let expected: Vec<u16> = (first..600).collect();
    assert_eq!(
        answering.received, expected,
        "nothing is missing from then on"
    );
    // The old address got everything until the other one answered.
    assert!(swallowing.received.iter().copied().eq(0..first + 1));
    let to = answering.socket.local_addr().ok();
    assert_eq!(link.status.get().link.to, to);
    // A look-up that names both addresses changes nothing.
    let addresses = far.each_ref().map(|far| far.socket.local_addr().unwrap());
    assert_eq!(link.handle_answer(Ok(addresses.to_vec())), Change::None);
    assert_eq!(link.status.get().link.to, to);
}

#[test]
fn a_path_without_answers_carries_every_packet() {
    let mut far = [false, false].map(Far::new);
    let mut link = link_to(&far);
    let start = Instant::now();
    send_numbers(&mut link, &mut far, 0..3000, start);
    let [first, second] = &far;
    assert!(
        first.received.iter().copied().eq(0..3000),
        "no gap in five minutes"
    );
    let copies = second.received.len();
    assert!(
        (290..=310).contains(&copies),
        "three trials of 10 s: {copies}"
    );
}

#[test]
fn an_address_that_answers_is_the_only_one() {
    let mut far = [true, true].map(Far::new);
    let mut link = link_to(&far);
    send_numbers(&mut link, &mut far, 0..3000, Instant::now());
    assert!(far[0].received.iter().copied().eq(0..3000));
    assert!(far[1].received.is_empty());
}

#[test]
fn an_unreachable_network_is_looked_up_again_soon() {
    let mut link = link();
    // No socket can be connected to a port of zero addresses: the route is missing.
    let nowhere = SocketAddr::from(([255, 255, 255, 255], 4010));
    assert_eq!(link.handle_answer(Ok(vec![nowhere])), Change::None);
    assert!(link.path.is_none());
    let now = Instant::now();
    assert_eq!(link.send(now, b"x"), Change::None);
    assert_eq!(link.requested_at, Some(now));
}
