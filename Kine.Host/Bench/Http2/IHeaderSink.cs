namespace Kine.Host.Bench.Http2;

/// <summary>Receives the fields of a decoded header block.</summary>
public interface IHeaderSink
{
    /// <summary>Called once per field, in the block's order.</summary>
    void OnHeader(HeaderField field);
}
