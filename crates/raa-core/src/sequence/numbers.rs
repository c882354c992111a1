//! Which sequence numbers of a stream have arrived, and which of them were packets without sound.
//!
//! Always: a packet of sound is never refused because a packet without sound had its number.

/// The sequence numbers that have arrived.
#[derive(Debug)]
pub(super) struct Numbers {
    /// The highest, of sound or not.
    pub(super) highest: i64,
    /// Bit n is set when the packet n before the highest has arrived.
    arrived: u128,
    /// Bit n is set when the packet n before the highest was no sound.
    without_sound: u128,
    /// Packets without sound since the stream began.
    count_without_sound: i64,
}

/// A number, as it was before its packet came.
pub(super) enum Number {
    /// Beyond the highest one; `missing` numbers lie between.
    New { missing: u64 },
    /// Missing.
    Missing,
    /// That of a packet without sound.
    WithoutSound,
    /// That of a packet of sound.
    Arrived,
}

impl Numbers {
    /// Begins a stream with this number.
    pub(super) fn new(first: i64) -> Self {
        Self {
            highest: first,
            arrived: 1,
            without_sound: 0,
            count_without_sound: 0,
        }
    }

    /// Returns the numbers from the highest one to this one.
    pub(super) fn step_to(&self, sequence_number: u16) -> i64 {
        i64::from(sequence_number.wrapping_sub(self.highest as u16) as i16)
    }

    /// Whether the packet with this number has arrived lately.
    pub(super) fn has_arrived(&self, sequence_number: u16) -> bool {
        let step = self.step_to(sequence_number);
        (-127..=0).contains(&step) && self.arrived & 1 << -step != 0
    }

    /// Takes a packet of sound, `step` numbers after the highest one.
    pub(super) fn take(&mut self, step: i64) -> Number {
        if step == 1 {
            return self.move_on_by_one();
        }
        if step > 0 {
            return self.move_on(step);
        }
        let bit = 1 << -step;
        if self.arrived & bit == 0 {
            self.arrived |= bit;
            return Number::Missing;
        }
        if self.without_sound & bit == 0 {
            return Number::Arrived;
        }
        self.without_sound &= !bit;
        self.count_without_sound -= 1;
        Number::WithoutSound
    }

    /// Takes a packet without sound, `step` numbers after the highest one.
    pub(super) fn occupy(&mut self, step: i64) -> Number {
        let before = if step > 0 {
            self.move_on(step)
        } else if self.arrived & 1 << -step == 0 {
            Number::Missing
        } else {
            return Number::Arrived;
        };
        let bit = 1 << -step.min(0);
        self.arrived |= bit;
        self.without_sound |= bit;
        self.count_without_sound += 1;
        before
    }

    /// Does what nearly every packet needs; the shift of a variable distance costs far more.
    fn move_on_by_one(&mut self) -> Number {
        self.highest += 1;
        self.arrived = self.arrived << 1 | 1;
        self.without_sound <<= 1;
        Number::New { missing: 0 }
    }

    fn move_on(&mut self, step: i64) -> Number {
        self.highest += step;
        self.arrived = self.arrived.checked_shl(step as u32).unwrap_or(0) | 1;
        if self.without_sound != 0 {
            self.without_sound = self.without_sound.checked_shl(step as u32).unwrap_or(0);
        }
        Number::New {
            missing: step as u64 - 1,
        }
    }

    /// Returns how many packets without sound lie before the one that came with `step`.
    pub(super) fn without_sound_before(&self, step: i64) -> i64 {
        if step >= 0 {
            return self.count_without_sound;
        }
        let later = (1 << -step) - 1;
        self.count_without_sound - i64::from((self.without_sound & later).count_ones())
    }
}
