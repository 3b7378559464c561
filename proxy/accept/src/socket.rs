//! A socket that tells its connection what passes.
//!
//! Enters: a stream of bytes. Leaves: the same, and word to [`Pace`] of bytes that came and of
//! writes that found no room. Never: a byte kept or changed.

use std::io::{Error, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::pace::Pace;

/// See the module.
pub(crate) struct Socket<T> {
    inner: TokioIo<T>,
    pace: Arc<Pace>,
}

// === impl Socket ===

impl<T> Socket<T> {
    pub(crate) fn new(inner: T, pace: Arc<Pace>) -> Self {
        Self { inner: TokioIo::new(inner), pace }
    }

    fn told<R>(&self, written: Poll<R>) -> Poll<R> {
        self.pace.wrote(written.is_ready());
        written
    }
}

impl<T: AsyncRead + Unpin> Read for Socket<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<(), Error>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if read.is_ready() {
            self.pace.read();
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> Write for Socket<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.told(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // What TLS holds back was written, but not yet read.
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.told(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.told(shut)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.told(written)
    }
}
