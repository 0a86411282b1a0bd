//! What messages must be like for the walk to go on: each is read through once, and what repeats is counted.

use super::{Stop, Walked, check_text, once};
use crate::{
    ingest::limits::{MESSAGE_DEPTH_MAX, REQUEST_ITEMS_MAX},
    trace::{
        Facts,
        wire::{Fields, Wire},
    },
};

/// Levels of messages that may follow below a span, which is the fourth.
const DEPTH_BELOW_SPAN: usize = MESSAGE_DEPTH_MAX - 4;

/// Levels of messages that may follow below a resource or scope. A scope is deeper by one, and its attributes by one
/// less than those of an event.
const DEPTH_BELOW_RESOURCE: usize = MESSAGE_DEPTH_MAX - 3;

/// What is read of a span.
#[derive(Default)]
pub(super) struct Header<'a> {
    pub(super) trace_id: &'a [u8],
    pub(super) span_id: &'a [u8],
    pub(super) parent_span_id: &'a [u8],
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) kind: i32,
    pub(super) dropped: Facts,
}

/// Messages beside spans, counted while they are checked.
#[derive(Default)]
pub(super) struct Items(usize);

impl Items {
    pub(super) fn count(&mut self, n: usize) {
        self.0 += n;
    }

    pub(super) fn check(&self) -> Walked {
        (self.0 <= REQUEST_ITEMS_MAX)
            .then_some(())
            .ok_or(Stop::Unusual)
    }

    pub(super) fn span<'a>(&mut self, message: &'a [u8]) -> Walked<Header<'a>> {
        let mut header = Header::default();
        let mut status = None;
        let [
            mut attributes_dropped,
            mut events_dropped,
            mut links_dropped,
        ] = [0; 3];
        let mut below_dropped = false;
        for field in Fields::of(message) {
            match field? {
                (1, Wire::Bytes(id)) => header.trace_id = id,
                (2, Wire::Bytes(id)) => header.span_id = id,
                (3 | 5, Wire::Bytes(bytes)) => check_text(bytes)?,
                (4, Wire::Bytes(id)) => header.parent_span_id = id,
                (6, Wire::Varint(kind)) => header.kind = kind as i32,
                (7, Wire::Fixed64(time)) => header.start = time,
                (8, Wire::Fixed64(time)) => header.end = time,
                (9, Wire::Bytes(message)) => self.key_value(message, DEPTH_BELOW_SPAN)?,
                (10, Wire::Varint(count)) => attributes_dropped = count as u32,
                (11, Wire::Bytes(message)) => below_dropped |= self.event(message)?,
                (12, Wire::Varint(count)) => events_dropped = count as u32,
                (13, Wire::Bytes(message)) => below_dropped |= self.link(message)?,
                (14, Wire::Varint(count)) => links_dropped = count as u32,
                (15, Wire::Bytes(message)) => once(&mut status, message)?,
                (16, Wire::Fixed32(_)) => {}
                (1..=16, _) => return Err(Stop::Unusual),
                _ => {}
            }
        }
        if let Some(message) = status {
            check_status(message)?;
        }
        header.dropped = Facts::of_dropped(
            attributes_dropped > 0 || below_dropped,
            events_dropped > 0,
            links_dropped > 0,
        );
        Ok(header)
    }

    /// Checks an event. Returns whether attributes of it were dropped, as do those below.
    fn event(&mut self, message: &[u8]) -> Walked<bool> {
        self.count(1);
        let mut dropped = 0;
        for field in Fields::of(message) {
            match field? {
                (1, Wire::Fixed64(_)) => {}
                (2, Wire::Bytes(name)) => check_text(name)?,
                (3, Wire::Bytes(message)) => self.key_value(message, DEPTH_BELOW_SPAN - 1)?,
                (4, Wire::Varint(count)) => dropped = count as u32,
                (1..=4, _) => return Err(Stop::Unusual),
                _ => {}
            }
        }
        Ok(dropped > 0)
    }

    fn link(&mut self, message: &[u8]) -> Walked<bool> {
        self.count(1);
        let mut dropped = 0;
        for field in Fields::of(message) {
            match field? {
                (1 | 2, Wire::Bytes(_)) | (6, Wire::Fixed32(_)) => {}
                (3, Wire::Bytes(state)) => check_text(state)?,
                (4, Wire::Bytes(message)) => self.key_value(message, DEPTH_BELOW_SPAN - 1)?,
                (5, Wire::Varint(count)) => dropped = count as u32,
                (1..=6, _) => return Err(Stop::Unusual),
                _ => {}
            }
        }
        Ok(dropped > 0)
    }

    pub(super) fn resource(&mut self, message: &[u8]) -> Walked<bool> {
        self.count(1);
        let mut dropped = 0;
        for field in Fields::of(message) {
            match field? {
                (1, Wire::Bytes(message)) => self.key_value(message, DEPTH_BELOW_RESOURCE)?,
                (2, Wire::Varint(count)) => dropped = count as u32,
                (3, Wire::Bytes(message)) => self.entity_ref(message)?,
                (1..=3, _) => return Err(Stop::Unusual),
                _ => {}
            }
        }
        Ok(dropped > 0)
    }

    fn entity_ref(&mut self, message: &[u8]) -> Walked {
        self.count(1);
        for field in Fields::of(message) {
            match field? {
                (1 | 2, Wire::Bytes(bytes)) => check_text(bytes)?,
                (3 | 4, Wire::Bytes(bytes)) => {
                    self.count(1);
                    check_text(bytes)?;
                }
                (1..=4, _) => return Err(Stop::Unusual),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn scope(&mut self, message: &[u8]) -> Walked<bool> {
        self.count(1);
        let mut dropped = 0;
        for field in Fields::of(message) {
            match field? {
                (1 | 2, Wire::Bytes(bytes)) => check_text(bytes)?,
                (3, Wire::Bytes(message)) => self.key_value(message, DEPTH_BELOW_SPAN)?,
                (4, Wire::Varint(count)) => dropped = count as u32,
                (1..=4, _) => return Err(Stop::Unusual),
                _ => {}
            }
        }
        Ok(dropped > 0)
    }

    /// Checks an attribute, below which `depth` levels may follow with it.
    fn key_value(&mut self, message: &[u8], depth: usize) -> Walked {
        let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
        self.count(1);
        let mut value = None;
        for field in Fields::of(message) {
            match field? {
                (1, Wire::Bytes(key)) => check_text(key)?,
                (2, Wire::Bytes(message)) => once(&mut value, message)?,
                (3, Wire::Varint(_)) => {}
                (1..=3, _) => return Err(Stop::Unusual),
                _ => {}
            }
        }
        match value {
            Some(message) => self.any_value(message, depth),
            None => Ok(()),
        }
    }

    fn any_value(&mut self, message: &[u8], depth: usize) -> Walked {
        let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
        self.count(1);
        let mut value = None;
        for field in Fields::of(message) {
            if let (number @ 1..=8, found) = field? {
                once(&mut value, (number, found))?;
            }
        }
        match value {
            None
            | Some((2 | 3 | 8, Wire::Varint(_)) | (4, Wire::Fixed64(_)) | (7, Wire::Bytes(_))) => {
                Ok(())
            }
            Some((1, Wire::Bytes(bytes))) => check_text(bytes),
            Some((number @ (5 | 6), Wire::Bytes(message))) => {
                let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
                self.count(1);
                for field in Fields::of(message) {
                    match field? {
                        (1, Wire::Bytes(message)) if number == 5 => {
                            self.any_value(message, depth)?;
                        }
                        (1, Wire::Bytes(message)) => self.key_value(message, depth)?,
                        (1, _) => return Err(Stop::Unusual),
                        _ => {}
                    }
                }
                Ok(())
            }
            Some(_) => Err(Stop::Unusual),
        }
    }
}

fn check_status(message: &[u8]) -> Walked {
    for field in Fields::of(message) {
        match field? {
            (2, Wire::Bytes(bytes)) => check_text(bytes)?,
            (3, Wire::Varint(_)) => {}
            (2 | 3, _) => return Err(Stop::Unusual),
            _ => {}
        }
    }
    Ok(())
}
