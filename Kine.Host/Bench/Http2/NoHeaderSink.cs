namespace Kine.Host.Bench.Http2;

/// <summary>Drops the fields of streams that nobody waits for any more.</summary>
internal sealed class NoHeaderSink : IHeaderSink
{
    public static readonly NoHeaderSink Instance = new();

    private NoHeaderSink()
    {
    }

    public void OnHeader(HeaderField field)
    {
    }
}
