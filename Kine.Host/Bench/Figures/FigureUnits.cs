namespace Kine.Host.Bench.Figures;

/// <summary>Conversions of what is measured to the units of the limits.</summary>
internal static class FigureUnits
{
    private const double BytesPerMegabyte = 1_000_000;
    private const double BytesPerMebibyte = 1_048_576;

    public static double Megabytes(long bytes) => bytes / BytesPerMegabyte;

    public static double Mebibytes(long bytes) => bytes / BytesPerMebibyte;

    public static double Milliseconds(long nanoseconds) => nanoseconds / 1e6;
}
