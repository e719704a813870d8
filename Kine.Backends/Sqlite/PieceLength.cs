namespace Kine.Backends.Sqlite;

/// <summary>
/// How much a piece of background work does, adapted so that an append that arrives meanwhile waits a few milliseconds and its fsync has
/// little more to write than its own.
/// </summary>
/// <param name="most">Upper bound, in rows or pages.</param>
internal sealed class PieceLength(int most)
{
    private const int Least = 16;
    private const int MostPages = 96; // to the WAL in one piece
    private static readonly TimeSpan Target = TimeSpan.FromMilliseconds(3);

    /// <summary>Rows or pages that the next piece should do.</summary>
    public int Length { get; private set; } = Least;

    /// <summary>Learns from a piece.</summary>
    /// <param name="time">What it took, commit included.</param>
    /// <param name="pages">What it wrote.</param>
    public void Adapt(TimeSpan time, long pages)
    {
        var over = Math.Max(time / Target, (double)pages / MostPages);
        // Down at once, up slowly: one slow piece is one late append.
        var factor = over > 1 ? Math.Max(1 / over, 0.25) : Math.Min(1 / Math.Max(over, 0.1), 1.5);
        Length = Math.Clamp((int)Math.Ceiling(Length * factor), Least, most);
    }
}
