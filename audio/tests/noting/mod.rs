//! For tests of what uses the heap: an allocator that tells of each use.

#![expect(unsafe_code, reason = "Rust's allocator interface is made of it")]

use std::alloc::{GlobalAlloc, Layout, System};

/// Calls its function at each taking, growing and giving back. Each is handed on unchanged to the system's allocator, whose
/// promises are thereby ours.
pub(crate) struct Noting(pub(crate) fn());

unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        (self.0)();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        (self.0)();
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        (self.0)();
        unsafe { System.realloc(pointer, layout, size) }
    }
}
