using System.Buffers;
using System.IO.Pipelines;

namespace Kine.Host.Grpc;

/// <summary>
/// Gives out the response's memory a little at a time, and hands over what was written in large parts: Kestrel takes several locks for each part.
/// </summary>
internal sealed class ResponseBuffer(PipeWriter response) : IBufferWriter<byte>
{
    private Memory<byte> _memory;
    private int _written; // of the memory

    /// <summary>Bytes that were not sent yet.</summary>
    public long Unflushed => response.UnflushedBytes + _written;

    public void Advance(int count) => _written += count;

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_memory.Length - _written < Math.Max(sizeHint, 1))
        {
            Commit();
            _memory = response.GetMemory(sizeHint);
        }

        return _memory[_written..];
    }

    /// <summary>Hands over what was written. The call may end, or others write, only after it.</summary>
    public void Commit()
    {
        if (_written > 0)
            response.Advance(_written);

        (_memory, _written) = (default, 0);
    }

    /// <summary>Sends what was written.</summary>
    public ValueTask<FlushResult> Flush()
    {
        Commit();
        return response.FlushAsync(CancellationToken.None);
    }
}
